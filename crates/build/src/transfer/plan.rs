//! What a new layer will hold, decided before anything is written.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::TransferError;
use super::chmod::Chmod;
use super::select::{Origin, Selected};
use crate::context::Ignore;
use crate::request::Cancel;
use crate::tree::{Directory, Entry, EntryKind, Resolved, Tree};

/// One path of the new layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Relative to the image's root, without links.
    pub(crate) target: PathBuf,
    /// What it becomes.
    pub(crate) content: Content,
    /// Its attributes.
    pub(crate) attributes: Attributes,
    /// Which of the plan's source trees its entry is in.
    pub(crate) tree: usize,
}

/// Owner, permissions and time of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Permission bits (07777).
    pub(crate) mode: u32,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Seconds and nanoseconds; `None` is the time of the build.
    pub(crate) mtime: Option<(i64, i64)>,
}

/// Where the content of a path comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// A directory; `from` is where its extended attributes are taken from.
    Directory {
        /// A directory of the source, or nothing for one that the image has or that is made on the way.
        from: Option<Entry>,
    },
    /// A regular file of the source.
    File(Entry),
    /// The file planned at `to`, once more.
    HardLink {
        /// The source, should it have to be copied after all.
        entry: Entry,
        /// Target of the file that has the content.
        to: PathBuf,
    },
    /// A symbolic link, a device or a pipe of the source.
    Special(Entry),
    /// A text of the Dockerfile.
    Text(Vec<u8>),
}

/// What the instruction says about everything it copies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// Owner and group.
    pub(crate) owner: Option<(u32, u32)>,
    /// Permissions.
    pub(crate) chmod: Option<Chmod>,
    /// Sources belong to root, whoever owns them on this machine.
    pub(crate) root_owned: bool,
}

impl Overrides {
    fn attributes(&self, entry: &Entry) -> Attributes {
        let (uid, gid) = self.owner.unwrap_or(if self.root_owned { (0, 0) } else { (entry.uid, entry.gid) });
        Attributes { uid, gid, mode: self.mode(entry.mode, entry.is_directory()), mtime: Some(entry.mtime) }
    }

    fn mode(&self, mode: u32, directory: bool) -> u32 {
        self.chmod.as_ref().map_or(mode, |chmod| chmod.apply(mode, directory))
    }

    fn made(&self, mode: u32, directory: bool) -> Attributes {
        let (uid, gid) = self.owner.unwrap_or((0, 0));
        Attributes { uid, gid, mode: self.mode(mode, directory), mtime: None }
    }
}

/// A plan in the making.
pub(crate) struct Planner<'a> {
    /// The image below.
    base: &'a Tree,
    overrides: Overrides,
    /// The source tree that entries are being added from.
    tree: usize,
    planned: Vec<Planned>,
    /// Index in `planned` of each target.
    index: HashMap<PathBuf, usize>,
}

/// A directory of the image that things are copied into.
struct Place {
    path: PathBuf,
    /// What the image has there, and its names.
    below: Option<(Directory, Vec<OsString>)>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(base: &'a Tree, overrides: Overrides) -> Self {
        Self { base, overrides, tree: 0, planned: Vec::new(), index: HashMap::new() }
    }

    /// What is added from now on comes from the source tree number `tree`.
    pub(crate) fn use_tree(&mut self, tree: usize) {
        self.tree = tree;
    }

    /// Every path, directories before what they hold.
    pub(crate) fn finish(self) -> Vec<Planned> {
        self.planned
    }

    /// Adds what one source selected. `destination` is absolute; `into` says that it must be a directory.
    pub(crate) fn add(
        &mut self,
        selected: Selected,
        destination: &str,
        into: bool,
    ) -> Result<(), TransferError> {
        let at = self.resolve(Path::new(destination))?;
        match selected {
            Selected::Directory { own, base, entries } => self.tree(at, own.as_ref(), &base, entries),
            Selected::File { entry, name } => {
                let content = content(&entry);
                let attributes = self.overrides.attributes(&entry);
                self.file(at, name, into, content, attributes)
            }
        }
    }

    /// Adds what one source selected, in the directories that it is in: `kept` is its path beneath the destination, whose
    /// end is its path in `source`.
    pub(crate) fn add_with_parents(
        &mut self,
        source: &Tree,
        selected: Selected,
        destination: &str,
        kept: &str,
    ) -> Result<(), TransferError> {
        let base = destination.trim_end_matches('/');
        let mut path = match &selected {
            Selected::File { entry, .. } => entry.path.clone(),
            Selected::Directory { base, .. } => base.clone(),
        };
        let mut above = Vec::new();
        let mut target = kept;
        while let (Some((parent, _)), true) = (target.rsplit_once('/'), path.pop()) {
            above.push((format!("{base}/{parent}"), path.clone()));
            target = parent;
        }
        for (target, path) in above.into_iter().rev() {
            let lookup = |error| TransferError::Read { path: path.clone(), source: error };
            let entry = source.resolve(&path, true).map_err(lookup)?.entry.filter(Entry::is_directory);
            self.directory_like(&target, entry)?;
        }
        match (&selected, kept.rsplit_once('/')) {
            (Selected::Directory { .. }, _) => self.add(selected, &format!("{base}/{kept}/"), true),
            (_, Some((parent, _))) => self.add(selected, &format!("{base}/{parent}/"), true),
            (_, None) => self.add(selected, &format!("{base}/"), true),
        }
    }

    /// Makes a directory with the attributes of a source's; one that exists stays as it is.
    fn directory_like(&mut self, path: &str, entry: Option<Entry>) -> Result<(), TransferError> {
        let at = self.resolve(Path::new(path))?;
        if at.entry.is_some() || at.directory.is_some() || self.directory_is_planned(&at.path) {
            return Ok(());
        }
        self.make_directories(&at.path)?;
        match entry {
            Some(entry) => {
                let attributes = self.overrides.attributes(&entry);
                self.put(at.path, Content::Directory { from: Some(entry) }, attributes)
            }
            None => Ok(()),
        }
    }

    /// Adds the whole of an unpacked archive; `tree` is the one [`Planner::use_tree`] has announced.
    pub(crate) fn add_tree(
        &mut self,
        tree: &Tree,
        cancel: &Cancel,
        destination: &str,
    ) -> Result<(), TransferError> {
        let (owner, none) = (std::mem::take(&mut self.overrides.root_owned), Ignore::default());
        let origin =
            Origin { tree, ignore: &none, exclude: &none, devices: true, name: "the archive", cancel };
        let added = origin
            .select("/")
            .and_then(|all| all.into_iter().try_for_each(|selected| self.add(selected, destination, true)));
        self.overrides.root_owned = owner;
        added
    }

    /// Adds a file whose text is in the Dockerfile.
    pub(crate) fn text(
        &mut self,
        name: &str,
        text: String,
        destination: &str,
        into: bool,
    ) -> Result<(), TransferError> {
        let at = self.resolve(Path::new(destination))?;
        let attributes = self.overrides.made(0o644, false);
        self.file(at, name.into(), into, Content::Text(text.into_bytes()), attributes)
    }

    /// Makes a directory and those above it; one that exists stays as it is.
    pub(crate) fn directory(&mut self, path: &str) -> Result<(), TransferError> {
        let at = self.resolve(Path::new(path))?;
        match (at.entry.is_some(), at.directory.is_some()) {
            (true, false) => Err(TransferError::NotADirectory { path: absolute(&at.path) }),
            (_, true) => Ok(()),
            _ => self.make_directories(&at.path),
        }
    }

    fn resolve(&self, path: &Path) -> Result<Resolved, TransferError> {
        self.base.resolve(path, true).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotADirectory => TransferError::NotADirectory { path: path.to_owned() },
            _ => TransferError::Lookup { path: path.to_owned(), source },
        })
    }

    fn file(
        &mut self,
        at: Resolved,
        name: PathBuf,
        into: bool,
        content: Content,
        attributes: Attributes,
    ) -> Result<(), TransferError> {
        let exists_as_other = at.entry.as_ref().is_some_and(|entry| !entry.is_directory());
        let planned_directory = self.directory_is_planned(&at.path);
        if !into && at.directory.is_none() && !planned_directory {
            self.make_directories(at.path.parent().unwrap_or(Path::new("")))?;
            return self.put(at.path, content, attributes);
        }
        if exists_as_other {
            return Err(TransferError::NotADirectory { path: absolute(&at.path) });
        }
        self.make_directories(&at.path)?;
        let target = at.path.join(&name);
        let below = at.directory.as_ref().map(|directory| directory.lookup(&at.path, name.as_os_str()));
        match below.transpose() {
            Err(source) => Err(TransferError::Lookup { path: absolute(&target), source }),
            Ok(Some(Some(entry))) if entry.is_directory() => {
                Err(TransferError::IsADirectory { path: absolute(&target) })
            }
            Ok(_) => self.put(target, content, attributes),
        }
    }

    fn directory_is_planned(&self, path: &Path) -> bool {
        let planned = self.index.get(path).and_then(|index| self.planned.get(*index));
        planned.is_some_and(|planned| matches!(planned.content, Content::Directory { .. }))
    }

    /// Plans a directory's content into the directory `at`.
    fn tree(
        &mut self,
        at: Resolved,
        own: Option<&Entry>,
        base: &Path,
        entries: Vec<Entry>,
    ) -> Result<(), TransferError> {
        if at.entry.is_some() && at.directory.is_none() {
            return Err(TransferError::NotADirectory { path: absolute(&at.path) });
        }
        let is_new = at.directory.is_none() && !self.directory_is_planned(&at.path);
        self.make_directories(&at.path)?;
        if let Some(own) = own.filter(|_| is_new) {
            let attributes = self.overrides.attributes(own);
            let content = Content::Directory { from: Some(own.clone()) };
            self.put(at.path.clone(), content, attributes)?;
        }
        let mut links = HashMap::new();
        let mut stack = vec![(base.to_owned(), Place::new(at)?)];
        for entry in entries {
            let parent = entry.path.parent().unwrap_or(Path::new(""));
            while stack.len() > 1 && stack.last().is_some_and(|(source, _)| source != parent) {
                stack.pop();
            }
            let Some((_, place)) = stack.last() else { break };
            if entry.is_directory() {
                let inner = self.enter(place, &entry)?;
                stack.push((entry.path, inner));
            } else {
                let target = place.file(&entry)?;
                let attributes = self.overrides.attributes(&entry);
                let content = linked(entry, &target, &mut links);
                self.put(target, content, attributes)?;
            }
        }
        Ok(())
    }

    /// Plans a directory inside another; a link of the image to a directory is followed.
    fn enter(&mut self, place: &Place, entry: &Entry) -> Result<Place, TransferError> {
        let target = place.path.join(entry.path.file_name().unwrap_or_default());
        let at = match place.below(entry)? {
            None => Resolved { path: target, entry: None, directory: None },
            Some(_) => self.resolve(&target)?,
        };
        if at.entry.is_some() && at.directory.is_none() {
            return Err(TransferError::NotADirectory { path: absolute(&at.path) });
        }
        self.make_directories(&at.path)?;
        let attributes = self.overrides.attributes(entry);
        let content = Content::Directory { from: Some(entry.clone()) };
        self.put(at.path.clone(), content, attributes)?;
        Place::new(at)
    }

    /// Plans the directory `path` and those above it: as the image has them, or new.
    fn make_directories(&mut self, path: &Path) -> Result<(), TransferError> {
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        if self.index.contains_key(path) {
            return match self.directory_is_planned(path) {
                true => Ok(()),
                false => Err(TransferError::NotADirectory { path: absolute(path) }),
            };
        }
        self.make_directories(path.parent().unwrap_or(Path::new("")))?;
        let below = self.resolve(path)?.entry.filter(Entry::is_directory);
        let attributes = match below {
            Some(entry) => {
                Attributes { uid: entry.uid, gid: entry.gid, mode: entry.mode, mtime: Some(entry.mtime) }
            }
            None => Attributes { mode: 0o755, ..self.overrides.made(0o755, true) },
        };
        let content = Content::Directory { from: None };
        self.put(path.to_owned(), content, attributes)
    }

    /// Adds a path; what was planned there before is replaced.
    fn put(
        &mut self,
        target: PathBuf,
        content: Content,
        attributes: Attributes,
    ) -> Result<(), TransferError> {
        let directory = |content: &Content| matches!(content, Content::Directory { .. });
        let Some(&at) = self.index.get(&target) else {
            self.index.insert(target.clone(), self.planned.len());
            self.planned.push(Planned { target, content, attributes, tree: self.tree });
            return Ok(());
        };
        match (self.directory_is_planned(&target), directory(&content)) {
            (true, false) => return Err(TransferError::IsADirectory { path: absolute(&target) }),
            (false, true) => return Err(TransferError::NotADirectory { path: absolute(&target) }),
            _ => {}
        }
        if matches!(&content, Content::HardLink { to, .. } if *to == target) {
            return Ok(());
        }
        self.unlink(&target);
        let planned = Planned { target, content, attributes, tree: self.tree };
        self.planned.get_mut(at).into_iter().for_each(|old| old.clone_from(&planned));
        Ok(())
    }

    /// Files that were to be links to `target` are copied instead.
    fn unlink(&mut self, target: &Path) {
        for planned in &mut self.planned {
            if let Content::HardLink { entry, to } = &planned.content
                && to == target
            {
                planned.content = Content::File(entry.clone());
            }
        }
    }
}

impl Place {
    fn new(at: Resolved) -> Result<Self, TransferError> {
        let fail = |source| TransferError::Lookup { path: absolute(&at.path), source };
        let below =
            at.directory.map(|directory| directory.names().map(|names| (directory, names))).transpose();
        Ok(Self { below: below.map_err(fail)?, path: at.path })
    }

    /// What the image has under the name of `entry`.
    fn below(&self, entry: &Entry) -> Result<Option<Entry>, TransferError> {
        let name = entry.path.file_name().unwrap_or_default();
        match &self.below {
            Some((directory, names)) if names.binary_search_by(|own| own.as_os_str().cmp(name)).is_ok() => {
                directory
                    .lookup(&self.path, name)
                    .map_err(|source| TransferError::Lookup { path: absolute(&self.path.join(name)), source })
            }
            _ => Ok(None),
        }
    }

    /// Where a file goes.
    fn file(&self, entry: &Entry) -> Result<PathBuf, TransferError> {
        let target = self.path.join(entry.path.file_name().unwrap_or_default());
        match self.below(entry)?.is_some_and(|below| below.is_directory()) {
            true => Err(TransferError::IsADirectory { path: absolute(&target) }),
            false => Ok(target),
        }
    }
}

fn content(entry: &Entry) -> Content {
    match entry.kind {
        EntryKind::File => Content::File(entry.clone()),
        _ => Content::Special(entry.clone()),
    }
}

/// The content of a file that may be one of several names of the same file.
fn linked(entry: Entry, target: &Path, links: &mut HashMap<(u64, u64), PathBuf>) -> Content {
    if entry.kind != EntryKind::File || entry.links < 2 {
        return content(&entry);
    }
    match links.get(&entry.inode) {
        Some(to) => Content::HardLink { to: to.clone(), entry },
        None => {
            links.insert(entry.inode, target.to_owned());
            Content::File(entry)
        }
    }
}

/// A path of the image as a user knows it.
fn absolute(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
