//! Finding what `COPY` and `ADD` name.

use std::path::{Path, PathBuf};

use super::TransferError;
use crate::context::{Ignore, Matched, clean};
use crate::glob::Glob;
use crate::request::Cancel;
use crate::tree::{Directory, Entry, EntryKind, Resolved, Tree, Walk};

/// Where sources are looked for.
pub(crate) struct Origin<'a> {
    /// The files.
    pub(crate) tree: &'a Tree,
    /// What does not take part.
    pub(crate) ignore: &'a Ignore,
    /// `--exclude`
    pub(crate) exclude: &'a Ignore,
    /// Devices are copied. From a directory of this host they are not: what is a device here means nothing elsewhere, and
    /// one of them would hide files of the image.
    pub(crate) devices: bool,
    /// For messages: `the build context`, `stage base`.
    pub(crate) name: &'a str,
    /// Stops long walks.
    pub(crate) cancel: &'a Cancel,
}

/// One source.
#[derive(Debug)]
pub(crate) enum Selected {
    /// A directory: its content is copied.
    Directory {
        /// Its own attributes; the root of a tree has none.
        own: Option<Entry>,
        /// Its path in the tree.
        base: PathBuf,
        /// What is in it, directories first.
        entries: Vec<Entry>,
    },
    /// Anything else, and the name it is copied as.
    File {
        /// What it is.
        entry: Entry,
        /// Last component of the name it was asked for by.
        name: PathBuf,
    },
}

impl Origin<'_> {
    /// What a source of an instruction means; several things if it has wildcards.
    pub(crate) fn select(&self, source: &str) -> Result<Vec<Selected>, TransferError> {
        Ok(self.select_paths(source)?.into_iter().map(|(_, selected)| selected).collect())
    }

    /// As [`Origin::select`], each with the path it was found by.
    pub(crate) fn select_paths(&self, source: &str) -> Result<Vec<(String, Selected)>, TransferError> {
        let path = clean(source);
        if !Glob::has_wildcards(&path) {
            let selected = self.one(&path, source)?;
            return Ok(vec![(path, selected)]);
        }
        let paths = self.expand(&path)?;
        if paths.is_empty() {
            return Err(TransferError::NoMatch { pattern: source.to_owned(), origin: self.name.to_owned() });
        }
        let one = |path: String| self.one(&path, source).map(|selected| (path, selected));
        paths.into_iter().map(one).collect()
    }

    fn one(&self, path: &str, source: &str) -> Result<Selected, TransferError> {
        let resolved = self.resolve(path)?;
        let not_found = |ignored| TransferError::NotFound {
            source_path: source.to_owned(),
            origin: self.name.to_owned(),
            ignored,
        };
        let real = resolved.path.to_string_lossy().into_owned();
        let ignored = !real.is_empty() && self.ignore.excludes(&real);
        match resolved {
            Resolved { directory: Some(_), .. } if ignored && !self.ignore.may_include_beneath(&real) => {
                Err(not_found(true))
            }
            Resolved { path, entry, directory: Some(directory) } => self.directory(path, entry, &directory),
            Resolved { entry: Some(_), .. } if ignored => Err(not_found(true)),
            Resolved { entry: Some(entry), .. } => {
                self.check(&entry)?;
                Ok(Selected::File { entry, name: Path::new(path).file_name().unwrap_or_default().into() })
            }
            _ => Err(not_found(false)),
        }
    }

    fn resolve(&self, path: &str) -> Result<Resolved, TransferError> {
        let path = Path::new(path);
        match self.tree.resolve(path, true) {
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                Ok(Resolved { path: path.to_owned(), entry: None, directory: None })
            }
            other => other.map_err(|source| TransferError::Read { path: path.to_owned(), source }),
        }
    }

    fn directory(
        &self,
        base: PathBuf,
        own: Option<Entry>,
        directory: &Directory,
    ) -> Result<Selected, TransferError> {
        let Self { ignore, exclude, cancel, .. } = *self;
        let entries = Walk { ignore, exclude, cancel }.run(&base, directory)?;
        entries.iter().try_for_each(|entry| self.check(entry))?;
        Ok(Selected::Directory { own, base, entries })
    }

    /// Refuses what cannot or must not be in an image.
    fn check(&self, entry: &Entry) -> Result<(), TransferError> {
        match entry.kind {
            EntryKind::Socket => Err(TransferError::Socket { path: entry.path.clone() }),
            EntryKind::Device(..) if !self.devices => {
                Err(TransferError::Device { path: entry.path.clone(), origin: self.name.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// The paths a pattern fits, in order.
    fn expand(&self, pattern: &str) -> Result<Vec<String>, TransferError> {
        let glob = Glob::new(pattern)?;
        let mut found = Vec::new();
        self.matching(&glob, Path::new(""), &self.resolve("")?, &Matched::default(), &mut found)?;
        Ok(found)
    }

    fn matching(
        &self,
        glob: &Glob,
        path: &Path,
        at: &Resolved,
        above: &Matched,
        found: &mut Vec<String>,
    ) -> Result<(), TransferError> {
        let Some(directory) = &at.directory else { return Ok(()) };
        let fail = |source| TransferError::Read { path: path.to_owned(), source };
        for entry in directory.entries(&at.path).map_err(fail)? {
            let child = path.join(entry.path.file_name().unwrap_or_default());
            let text = child.to_string_lossy().into_owned();
            let (ignored, matched) = self.ignore.check(&entry.path.to_string_lossy(), above);
            let (excluded, _) = self.exclude.check(&text, &Matched::default());
            if glob.matches(&text) {
                let hidden = ignored && !(entry.is_directory() && self.ignore.may_include_beneath(&text));
                found.extend((!hidden && !excluded).then_some(text));
            } else if glob.may_match_beneath(&text) && !matches!(entry.kind, EntryKind::File) {
                self.matching(glob, &child, &self.resolve(&text)?, &matched, found)?;
            }
        }
        Ok(())
    }
}
