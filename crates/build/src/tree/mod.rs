//! A directory tree to read from: the build context, or the merged layers of a stage, without a mount.
//!
//! Guarantees: nothing outside the given directories is read; symbolic links are resolved as `chroot(2)` would, by
//! walking one directory at a time without following anything.

mod directory;
mod entry;
mod walk;

pub(crate) use directory::Directory;
pub(crate) use entry::{Entry, EntryKind};
pub(crate) use walk::Walk;
pub use walk::WalkError;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use beneath::Root;
use rustix::fs::{Mode, OFlags};

/// More links than this in one path are a loop.
const MAX_LINKS: usize = 40;

/// An opened tree.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Top first.
    layers: Vec<Root>,
    /// Whether whiteouts and opaque directories mean what overlayfs means by them.
    overlay: bool,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Relative path without links, `.` and `..`; empty for the root.
    pub(crate) path: PathBuf,
    /// What is there, if anything; the root has no entry of its own.
    pub(crate) entry: Option<Entry>,
    /// It is a directory: its merged content.
    pub(crate) directory: Option<Directory>,
}

impl Tree {
    /// A tree of one ordinary directory.
    pub(crate) fn plain(directory: &Path) -> io::Result<Self> {
        Ok(Self { layers: vec![Root::open(directory)?], overlay: false })
    }

    /// The merged tree of unpacked layers, top first.
    pub(crate) fn overlay(layers: &[PathBuf]) -> io::Result<Self> {
        let layers = layers.iter().map(Root::open).collect::<io::Result<_>>()?;
        Ok(Self { layers, overlay: true })
    }

    /// The root directory.
    pub(crate) fn root(&self) -> io::Result<Directory> {
        let parts = self.layers.iter().enumerate().map(|(layer, root)| Ok((layer, reopen(root)?)));
        Ok(Directory::new(parts.collect::<io::Result<_>>()?, self.overlay))
    }

    /// Device and inode of each of its directories.
    pub(crate) fn identity(&self) -> io::Result<Vec<(u64, u64)>> {
        let stat = |root: &Root| rustix::fs::fstat(root.fd()).map(|stat| (stat.st_dev, stat.st_ino));
        Ok(self.layers.iter().map(stat).collect::<Result<_, _>>()?)
    }

    /// Follows `path` inside the tree; the last component only if `follow`. A path whose end does not exist resolves
    /// to where it would be.
    ///
    /// # Errors
    /// `ELOOP`, `ENOTDIR` (something on the way is not a directory), or what reading gives.
    pub(crate) fn resolve(&self, path: &Path, follow: bool) -> io::Result<Resolved> {
        Resolver { stack: vec![(OsString::new(), self.root()?)], rest: components(path), links: 0 }
            .run(follow)
    }

    /// Opens a regular file that an [`Entry`] of this tree names.
    pub(crate) fn open(&self, entry: &Entry) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let root = self.layers.get(entry.layer).ok_or(io::ErrorKind::NotFound)?;
        root.open_at(&entry.path, flags, Mode::empty()).map_err(|error| error.source)
    }

    /// The content of a small regular file; `None` if there is no such file.
    pub(crate) fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        use std::io::Read;
        let resolved = match self.resolve(path, true) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            other => other?,
        };
        let Some(entry) = resolved.entry.filter(|entry| entry.kind == EntryKind::File) else {
            return Ok(None);
        };
        let mut content = Vec::new();
        std::fs::File::from(self.open(&entry)?).take(limit + 1).read_to_end(&mut content)?;
        match content.len() as u64 > limit {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(Some(content)),
        }
    }
}

/// A new descriptor for reading a root directory.
fn reopen(root: &Root) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(root.fd(), ".", flags, Mode::empty())?)
}

fn components(path: &Path) -> VecDeque<OsString> {
    path.as_os_str()
        .as_bytes()
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(|part| OsStr::from_bytes(part).to_owned())
        .collect()
}

/// A path being followed.
struct Resolver {
    /// The directories from the root to here; the root's name is empty.
    stack: Vec<(OsString, Directory)>,
    rest: VecDeque<OsString>,
    links: usize,
}

impl Resolver {
    fn run(mut self, follow: bool) -> io::Result<Resolved> {
        let mut entry = None;
        while let Some(name) = self.rest.pop_front() {
            if name == ".." {
                self.up();
                entry = None;
                continue;
            }
            let last = self.rest.is_empty();
            let found = match self.here() {
                Some(directory) => directory.lookup(&self.path(), &name)?,
                None => None,
            };
            match found.as_ref().map(|found| &found.kind) {
                Some(EntryKind::Symlink(to)) if follow || !last => {
                    let to = to.clone();
                    self.link(&to)?;
                    entry = None;
                    continue;
                }
                Some(EntryKind::Directory) => {
                    let directory = self.here().map(|here| here.enter(&name)).transpose()?;
                    self.stack.extend(directory.map(|directory| (name, directory)));
                }
                Some(_) if !last => return Err(io::ErrorKind::NotADirectory.into()),
                Some(_) => {
                    return Ok(Resolved { path: self.path().join(&name), entry: found, directory: None });
                }
                None => return self.missing(name),
            }
            entry = found;
        }
        let path = self.path();
        Ok(Resolved { path, entry, directory: self.stack.pop().map(|(_, directory)| directory) })
    }

    fn here(&self) -> Option<&Directory> {
        self.stack.last().map(|(_, directory)| directory)
    }

    fn path(&self) -> PathBuf {
        self.stack.iter().skip(1).map(|(name, _)| name).collect()
    }

    fn up(&mut self) {
        if self.stack.len() > 1 {
            self.stack.pop();
        }
    }

    fn link(&mut self, to: &Path) -> io::Result<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(rustix::io::Errno::LOOP.into());
        }
        if to.is_absolute() {
            self.stack.truncate(1);
        }
        for part in components(to).into_iter().rev() {
            self.rest.push_front(part);
        }
        Ok(())
    }

    /// What is left of the path does not exist: it is taken as it is written.
    fn missing(self, name: OsString) -> io::Result<Resolved> {
        let mut path = self.path();
        for part in [name].into_iter().chain(self.rest) {
            match part == ".." {
                true => drop(path.pop()),
                false => path.push(part),
            }
        }
        Ok(Resolved { path, entry: None, directory: None })
    }
}

#[cfg(test)]
mod tests;
