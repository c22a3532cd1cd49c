//! Where in the root file system a mount goes.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use beneath::{Parent, ResolveError, Root};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, mkdirat, openat, readlinkat};
use rustix::io::Errno;

use super::attach::fd_path;

/// What a mount needs as its mount point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A directory.
    Directory,
    /// Anything else: an empty file is made if there is nothing.
    File,
}

const DIRECTORY_MODE: Mode = Mode::from_bits_retain(0o755);
const FILE_MODE: Mode = Mode::from_bits_retain(0o644);

/// The kind of what `fd` is.
pub(super) fn kind_of(fd: &OwnedFd) -> io::Result<Kind> {
    let directory = FileType::from_raw_mode(fstat(fd)?.st_mode).is_dir();
    Ok(if directory { Kind::Directory } else { Kind::File })
}

/// Opens the mount point `destination`, and makes it if it is missing.
pub(super) fn open_or_make(root: &Root, destination: &Path, kind: Kind) -> Result<OwnedFd, ResolveError> {
    match root.open_at(destination, OFlags::PATH, Mode::empty()) {
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    if let Some(made) = make_last(root, destination, kind) {
        return Ok(made);
    }
    // Links that lead to nothing are followed as far as they go.
    let real = root.real_path(destination)?;
    match kind {
        Kind::Directory => root.create_dir_all(&real, DIRECTORY_MODE),
        Kind::File => make_file(root, &real),
    }
}

/// Makes the last component alone, which is all that is missing as a rule. `None` when it is not; then the long way
/// finds out why.
fn make_last(root: &Root, path: &Path, kind: Kind) -> Option<OwnedFd> {
    let parent = root.parent(path).ok()?;
    match kind {
        Kind::Directory => {
            mkdirat(&parent.dir, &parent.name, DIRECTORY_MODE).ok()?;
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(&parent.dir, &parent.name, flags, Mode::empty()).ok()
        }
        Kind::File => create_file(&parent).ok(),
    }
}

fn make_file(root: &Root, path: &Path) -> Result<OwnedFd, ResolveError> {
    root.create_dir_all(path.parent().unwrap_or(path), DIRECTORY_MODE)?;
    let parent = root.parent(path)?;
    create_file(&parent).map_err(|errno| ResolveError { path: path.to_owned(), source: errno.into() })
}

fn create_file(parent: &Parent) -> Result<OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(&parent.dir, &parent.name, flags, FILE_MODE)
}

/// Opens what is at `destination` now.
pub(super) fn reopen(root: &Root, destination: &Path) -> io::Result<OwnedFd> {
    root.open_at(destination, OFlags::PATH, Mode::empty()).map_err(|error| error.source)
}

/// Where `fd`, opened beneath a root that is at `root_path`, really is, as seen from inside.
pub(super) fn real_path(root_path: &Path, fd: &OwnedFd) -> io::Result<PathBuf> {
    let path = path_of(fd.as_fd())?;
    let below = path.strip_prefix(root_path).map_err(|_| io::Error::from(Errno::XDEV))?;
    Ok(Path::new("/").join(below))
}

/// The path of an open file, as the calling process sees it.
pub(super) fn path_of(fd: BorrowedFd<'_>) -> io::Result<PathBuf> {
    let path = readlinkat(CWD, fd_path(fd), Vec::new())?;
    Ok(PathBuf::from(OsStr::from_bytes(path.as_bytes())))
}

/// `path` without `.` and repeated slashes.
pub(super) fn plain(path: &Path) -> PathBuf {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_)));
    Path::new("/").join(names.collect::<PathBuf>())
}
