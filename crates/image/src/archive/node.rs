//! Making one file of each kind in an open directory; `EEXIST` when the name is taken.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use beneath::Parent;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, chmodat, linkat, makedev, mkdirat, mknodat, openat, symlinkat,
};
use rustix::io::Errno;

use super::entry::{Entry, Kind};

pub(crate) fn file(dir: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::from(0o600))
}

/// A directory that is there already is taken as it is.
pub(crate) fn directory(dir: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    match mkdirat(dir, name, Mode::from(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOTDIR | Errno::LOOP => Errno::EXIST,
        other => other,
    })
}

pub(crate) fn hard_link(target: &Parent, dir: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    linkat(&target.dir, &target.name, dir, name, AtFlags::empty())
}

pub(crate) fn special(dir: BorrowedFd<'_>, name: &[u8], entry: &Entry) -> Result<(), Errno> {
    let kind = match entry.kind {
        Kind::Symlink => return symlinkat(entry.link.as_slice(), dir, name),
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        _ => FileType::Fifo,
    };
    mknodat(dir, name, kind, Mode::from(0o600), makedev(entry.major, entry.minor))
}

/// Sets the mode of a node made by [`special`], through a descriptor: by name a link put there meanwhile would be
/// followed.
pub(crate) fn chmod(dir: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<(), Errno> {
    let fd = openat(dir, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    chmodat(CWD, path, Mode::from(mode), AtFlags::empty())
}

/// Overlayfs' mark for a name that the layers below have and this one has not.
pub(crate) fn whiteout(dir: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    mknodat(dir, name, FileType::CharacterDevice, Mode::empty(), makedev(0, 0))
}

pub(crate) fn is_whiteout_device(entry: &Entry) -> bool {
    entry.kind == Kind::CharDevice && (entry.major, entry.minor) == (0, 0)
}

/// `base` and `path` as one relative path; `None` when `path` is empty.
pub(crate) fn join(base: &[&[u8]], path: &[&[u8]]) -> Option<PathBuf> {
    let all = base.iter().chain(path).map(|name| OsStr::from_bytes(name));
    (!path.is_empty()).then(|| all.collect())
}
