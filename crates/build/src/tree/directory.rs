//! A directory merged from several layers.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{Entry, EntryKind};

/// An open directory: its part in each layer that has one, top first.
#[derive(Debug)]
pub(crate) struct Directory {
    parts: Vec<(usize, OwnedFd)>,
    overlay: bool,
}

impl Directory {
    pub(super) fn new(parts: Vec<(usize, OwnedFd)>, overlay: bool) -> Self {
        Self { parts, overlay }
    }

    /// What `name` is; `path` is this directory's own path in the tree.
    pub(crate) fn lookup(&self, path: &Path, name: &OsStr) -> io::Result<Option<Entry>> {
        for (layer, part) in &self.parts {
            if let Some(entry) = Entry::read(*layer, part, path, name)? {
                return Ok(Some(entry).filter(|entry| !(self.overlay && entry.is_whiteout())));
            }
        }
        Ok(None)
    }

    /// Opens the subdirectory `name`: all parts of it that are not hidden by something above.
    pub(crate) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let mut parts = Vec::new();
        for (layer, part) in &self.parts {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(part, name, flags, Mode::empty()) {
                Ok(opened) => {
                    let last = self.overlay && is_opaque(&opened)?;
                    parts.push((*layer, opened));
                    if last {
                        break;
                    }
                }
                Err(Errno::NOENT) => {}
                // A file, link or whiteout hides what is below.
                Err(Errno::NOTDIR | Errno::LOOP) => break,
                Err(error) => return Err(error.into()),
            }
        }
        match parts.is_empty() {
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(Self { parts, overlay: self.overlay }),
        }
    }

    /// The entries, sorted by name.
    pub(crate) fn entries(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let names = self.names()?;
        let entries = names.iter().map(|name| self.lookup(path, name));
        entries.filter_map(Result::transpose).collect()
    }

    /// The names of the entries, sorted; those of whiteouts are among them.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for (_, part) in &self.parts {
            read_names(part, &mut names)?;
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// The topmost part, which has the directory's attributes.
    pub(crate) fn top(&self) -> Option<&OwnedFd> {
        self.parts.first().map(|(_, part)| part)
    }
}

fn read_names(directory: &OwnedFd, names: &mut Vec<OsString>) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(())
}

fn is_opaque(directory: &impl AsFd) -> io::Result<bool> {
    let mut value = [0u8; 1];
    match rustix::fs::fgetxattr(directory, "trusted.overlay.opaque", &mut value) {
        Ok(length) => Ok(length == 1 && value == *b"y"),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE | Errno::PERM) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Entry {
    /// Whether it is a directory.
    pub(crate) fn is_directory(&self) -> bool {
        self.kind == EntryKind::Directory
    }
}
