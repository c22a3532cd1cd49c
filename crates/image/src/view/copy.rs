//! Copying a merged tree out.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fchmod, fchown, futimens, linkat, mkdirat,
    mknodat, openat, symlinkat, utimensat,
};

use super::walk::{Found, Merged};
use super::{ViewError, failed};
use crate::archive::{Time, read_xattrs, timestamps, write_xattrs};

/// Deepest tree that is copied; each level holds descriptors.
const MAX_DEPTH: usize = 256;

pub(super) fn copy_tree(from: &Merged, path: &Path, to: &Path) -> Result<(), ViewError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let written = |source: io::Error| ViewError::Write { path: to.to_owned(), source };
    let top = openat(CWD, to, flags, Mode::empty()).map_err(|errno| written(errno.into()))?;
    let base = top.as_fd().try_clone_to_owned().map_err(written)?;
    let mut copy = Copy { base, links: HashMap::new() };
    copy.content(from, &top, &mut Place { path: path.to_owned(), to: PathBuf::new(), depth: 0 })?;
    finish_dir(from, &top).map_err(|source| failed(path, source))
}

struct Copy {
    base: OwnedFd,
    /// Where a file with several names was copied first, beneath `base`.
    links: HashMap<(u64, u64), PathBuf>,
}

/// Where the copy is: the path in the view, and beneath the target.
struct Place {
    path: PathBuf,
    to: PathBuf,
    depth: usize,
}

impl Copy {
    fn content(&mut self, from: &Merged, to: &OwnedFd, place: &mut Place) -> Result<(), ViewError> {
        if place.depth == MAX_DEPTH {
            let source = io::Error::other("the tree is too deep to copy");
            return Err(ViewError::Io { path: place.path.clone(), source });
        }
        for name in from.names().map_err(|error| failed(&place.path, error))? {
            place.path.push(&name);
            place.to.push(&name);
            let found = from.get(&name).map_err(|error| failed(&place.path, error))?;
            match found {
                Found::Directory(merged) => self.directory(&merged, to, &name, place)?,
                other => {
                    self.other(&other, to, &name, place).map_err(|source| failed(&place.path, source))?
                }
            }
            place.path.pop();
            place.to.pop();
        }
        Ok(())
    }

    fn directory(
        &mut self,
        from: &Merged,
        to: &OwnedFd,
        name: &OsStr,
        place: &mut Place,
    ) -> Result<(), ViewError> {
        let made = mkdirat(to, name, Mode::from(0o700)).and_then(|()| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(to, name, flags, Mode::empty())
        });
        let dir = made.map_err(|error| failed(&place.path, error))?;
        place.depth += 1;
        self.content(from, &dir, place)?;
        place.depth -= 1;
        finish_dir(from, &dir).map_err(|source| failed(&place.path, source))
    }

    fn other(&mut self, found: &Found, to: &OwnedFd, name: &OsStr, place: &Place) -> io::Result<()> {
        let stat = found.stat();
        let id = (stat.st_dev, stat.st_ino);
        if let Some(first) = self.links.get(&id) {
            return Ok(linkat(&self.base, first, to, name, AtFlags::empty())?);
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => file(found, to, name)?,
            FileType::Socket => return Ok(()),
            kind => special(found, kind, to, name)?,
        }
        if stat.st_nlink > 1 {
            self.links.insert(id, place.to.clone());
        }
        Ok(())
    }
}

fn file(found: &Found, to: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let mut from: File = found.open()?.into();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut copy: File = openat(to, name, flags, Mode::from(0o600))?.into();
    io::copy(&mut from, &mut copy)?;
    finish(from.as_fd(), copy.as_fd(), found.stat())
}

fn special(found: &Found, kind: FileType, to: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let stat = found.stat();
    if kind == FileType::Symlink {
        symlinkat(found.link()?, to, name)?;
    } else {
        mknodat(to, name, kind, Mode::from(stat.st_mode & 0o7777), stat.st_rdev)?;
    }
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(utimensat(to, name, &timestamps(mtime(stat)), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn finish_dir(from: &Merged, to: &OwnedFd) -> io::Result<()> {
    finish(from.top().as_fd(), to.as_fd(), from.stat())
}

/// Owner first: changing it clears set-id bits and capabilities.
fn finish(from: BorrowedFd<'_>, to: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    fchmod(to, Mode::from(stat.st_mode & 0o7777))?;
    write_xattrs(to, &read_xattrs(from)?.0)?;
    Ok(futimens(to, &timestamps(mtime(stat)))?)
}

fn mtime(stat: &Stat) -> Time {
    Time { seconds: stat.st_mtime, nanos: stat.st_mtime_nsec as u32 }
}
