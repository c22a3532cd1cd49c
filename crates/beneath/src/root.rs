//! The root directory and the resolution of paths in it.

use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// How paths are resolved; [`Strategy::detect`] picks what this kernel offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// `openat2(2)` with `RESOLVE_IN_ROOT` (Linux 5.6 and later).
    Kernel,
    /// One component at a time with `O_NOFOLLOW`, links followed by us.
    Walk,
}

/// A path that could not be resolved beneath a root.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {} beneath the root", path.display())]
pub struct ResolveError {
    /// The path that was asked for, as it was given.
    pub path: PathBuf,
    /// What the kernel said (`ENOENT`, `ELOOP`, `ENOTDIR`, …).
    #[source]
    pub source: io::Error,
}

/// A directory beneath the root, and the name of an entry in it that was not followed.
#[derive(Debug)]
pub struct Parent {
    /// The directory, opened with `O_PATH | O_DIRECTORY`.
    pub dir: OwnedFd,
    /// The last component of the path; never empty, `.`, `..` and without `/`.
    pub name: OsString,
}

/// An opened root directory.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    strategy: Strategy,
}

impl Root {
    /// Opens the directory `path` as a root.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let _ = path;
        todo!()
    }

    /// Uses an open directory as a root.
    pub fn from_fd(fd: OwnedFd) -> Self {
        let _ = Strategy::Walk;
        Self { fd, strategy: Strategy::Kernel }
    }

    /// The root's descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        let _ = self.strategy;
        std::os::fd::AsFd::as_fd(&self.fd)
    }

    /// Opens `path` with `flags` (`O_CLOEXEC` is added); `mode` is for `O_CREAT`. A final symbolic link is followed
    /// inside the root unless `O_NOFOLLOW` is given.
    pub fn open_at(
        &self,
        path: impl AsRef<Path>,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, ResolveError> {
        let _ = (path, flags, mode);
        todo!()
    }

    /// Resolves all but the last component, for `mkdirat`, `unlinkat` and the like.
    ///
    /// Errors: `EINVAL` when the path has no last component (`/`, `..`).
    pub fn parent(&self, path: impl AsRef<Path>) -> Result<Parent, ResolveError> {
        let _ = path;
        todo!()
    }

    /// Makes the directory `path` and its parents where they are missing; existing links are followed inside the root.
    /// Returns it opened with `O_PATH | O_DIRECTORY`.
    pub fn create_dir_all(&self, path: impl AsRef<Path>, mode: Mode) -> Result<OwnedFd, ResolveError> {
        let _ = (path, mode);
        todo!()
    }

    /// The absolute path, as seen from inside the root, that `path` leads to after all links; components that do not
    /// exist are kept as they are.
    pub fn real_path(&self, path: impl AsRef<Path>) -> Result<PathBuf, ResolveError> {
        let _ = path;
        todo!()
    }

    /// Reads a regular file of at most `limit` bytes; `EFBIG` beyond that, `EINVAL` for anything but a regular file.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, ResolveError> {
        let _ = (path, limit);
        todo!()
    }
}
