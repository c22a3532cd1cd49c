//! Walking a tree with exclusions.

use std::io;
use std::path::{Path, PathBuf};

use super::{Directory, Entry};
use crate::context::{Ignore, Matched};
use crate::request::Cancel;

/// Directories may be nested this deep; each level holds descriptors.
const MAX_DEPTH: usize = 250;

/// How to walk.
pub(crate) struct Walk<'a> {
    /// Excluded paths, relative to the tree's root.
    pub(crate) ignore: &'a Ignore,
    /// Paths excluded as well, relative to the start of the walk.
    pub(crate) exclude: &'a Ignore,
    /// Stops the walk.
    pub(crate) cancel: &'a Cancel,
}

/// A walk that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// Something could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Path in the tree.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Directories are nested too deep.
    #[error("{}: directories are nested more than {MAX_DEPTH} deep", path.display())]
    TooDeep {
        /// Path in the tree.
        path: PathBuf,
    },
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl Walk<'_> {
    /// Everything beneath the directory at `start` (a resolved path) that is not excluded, directories before what
    /// they hold, names sorted. An excluded directory appears if something in it does not.
    pub(crate) fn run(&self, start: &Path, directory: &Directory) -> Result<Vec<Entry>, WalkError> {
        let mut found = Vec::new();
        let above = self.matches_above(start);
        self.directory(start, start, directory, (&above, &Matched::default()), 0, &mut found)?;
        Ok(found)
    }

    /// The matches of a directory that the walk starts at.
    fn matches_above(&self, start: &Path) -> Matched {
        let path = text(start);
        let cuts = path.match_indices('/').map(|(at, _)| &path[..at]).chain([path.as_str()]);
        cuts.filter(|cut| !cut.is_empty())
            .fold(Matched::default(), |above, cut| self.ignore.check(cut, &above).1)
    }

    fn directory(
        &self,
        start: &Path,
        path: &Path,
        directory: &Directory,
        above: (&Matched, &Matched),
        depth: usize,
        found: &mut Vec<Entry>,
    ) -> Result<(), WalkError> {
        if self.cancel.is_cancelled() {
            return Err(WalkError::Cancelled);
        }
        if depth > MAX_DEPTH {
            return Err(WalkError::TooDeep { path: path.to_owned() });
        }
        let fail = |source| WalkError::Read { path: path.to_owned(), source };
        for entry in directory.entries(path).map_err(fail)? {
            let (own, relative) =
                (text(&entry.path), text(entry.path.strip_prefix(start).unwrap_or(&entry.path)));
            let (ignored, first) = self.ignore.check(&own, above.0);
            let (excluded, second) = self.exclude.check(&relative, above.1);
            let kept = !ignored && !excluded;
            if !entry.is_directory() {
                found.extend(kept.then_some(entry));
                continue;
            }
            if !kept && !self.may_include(ignored, &own, excluded, &relative) {
                continue;
            }
            let name = entry.path.file_name().unwrap_or_default();
            let inner = directory.enter(name).map_err(fail)?;
            let (child, before) = (entry.path.clone(), found.len());
            found.push(entry);
            self.directory(start, &child, &inner, (&first, &second), depth + 1, found)?;
            if !kept && found.len() == before + 1 {
                found.truncate(before);
            }
        }
        Ok(())
    }

    /// Whether an excluded directory must be looked into.
    fn may_include(&self, ignored: bool, own: &str, excluded: bool, relative: &str) -> bool {
        (!ignored || self.ignore.may_include_beneath(own))
            && (!excluded || self.exclude.may_include_beneath(relative))
    }
}

/// A path as patterns see it.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
