//! The root directory and the operations on paths in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use rustix::io::Errno;

use crate::walk::Walk;

/// How often `openat2` is tried again when a rename elsewhere disturbed it.
const RACE_RETRIES: u32 = 128;

/// How paths are resolved; [`Strategy::detect`] picks what this kernel offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// `openat2(2)` with `RESOLVE_IN_ROOT` (Linux 5.6 and later).
    Kernel,
    /// One component at a time with `O_NOFOLLOW`, links followed by us.
    Walk,
}

impl Strategy {
    /// The best this kernel offers; asked once per process.
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Strategy> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            let probe =
                openat2(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT);
            if probe.is_ok() { Self::Kernel } else { Self::Walk }
        })
    }
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
    /// The last component of the path; never empty, `.` or `..`, and without `/`.
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
        let fd = open(path.as_ref(), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self::from_fd(fd))
    }

    /// Uses an open directory as a root.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self::with_strategy(fd, Strategy::detect())
    }

    /// Uses an open directory as a root, resolving paths in the given way.
    pub fn with_strategy(fd: OwnedFd, strategy: Strategy) -> Self {
        Self { fd, strategy }
    }

    /// The root's descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Opens `path` with `flags` (`O_CLOEXEC` is added); `mode` is for `O_CREAT`. A final symbolic link is followed
    /// inside the root unless `O_NOFOLLOW` is given.
    pub fn open_at(
        &self,
        path: impl AsRef<Path>,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, ResolveError> {
        let path = path.as_ref();
        self.open_errno(path, flags, mode).map_err(|errno| failed(path, errno))
    }

    /// Resolves all but the last component, for `mkdirat`, `unlinkat` and the like.
    ///
    /// Errors: `EINVAL` when the path has no last component (`/`, `..`).
    pub fn parent(&self, path: impl AsRef<Path>) -> Result<Parent, ResolveError> {
        let path = path.as_ref();
        let (dir, name) = split_last(path).ok_or_else(|| failed(path, Errno::INVAL))?;
        let dir = self
            .open_errno(dir, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
            .map_err(|errno| failed(path, errno))?;
        Ok(Parent { dir, name: name.to_owned() })
    }

    /// Makes the directory `path` and its parents where they are missing; existing links are followed inside the root.
    /// Returns it opened with `O_PATH | O_DIRECTORY`.
    pub fn create_dir_all(&self, path: impl AsRef<Path>, mode: Mode) -> Result<OwnedFd, ResolveError> {
        self.create_dir_all_with(path, mode, &mut |_| Ok(()))
    }

    /// As [`Root::create_dir_all`]; `made` is called with each directory it made, opened for reading, to set its owner.
    pub fn create_dir_all_with(
        &self,
        path: impl AsRef<Path>,
        mode: Mode,
        made: &mut dyn FnMut(BorrowedFd<'_>) -> io::Result<()>,
    ) -> Result<OwnedFd, ResolveError> {
        let path = path.as_ref();
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match self.open_errno(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {}
            done => return done.map_err(|errno| failed(path, errno)),
        }
        let walk = Walk::new(self.fd(), path).and_then(|walk| walk.create(mode, made));
        walk.map_err(|source| ResolveError { path: path.to_owned(), source })
    }

    /// The absolute path, as seen from inside the root, that `path` leads to after all links; components that do not
    /// exist are kept as they are.
    pub fn real_path(&self, path: impl AsRef<Path>) -> Result<PathBuf, ResolveError> {
        let path = path.as_ref();
        let real = Walk::new(self.fd(), path).and_then(Walk::real_path);
        real.map_err(|source| ResolveError { path: path.to_owned(), source })
    }

    /// Reads a regular file of at most `limit` bytes; `EFBIG` beyond that, `EINVAL` for anything but a regular file.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, ResolveError> {
        let path = path.as_ref();
        self.read_io(path, limit).map_err(|source| ResolveError { path: path.to_owned(), source })
    }

    fn read_io(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        // Looked at before it is opened for reading: opening a device or a pipe can do things or wait for ever.
        regular_size(&self.open_errno(path, OFlags::PATH, Mode::empty())?)?;
        let fd = self.open_errno(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())?;
        if regular_size(&fd)? > limit {
            return Err(Errno::FBIG.into());
        }
        let mut content = Vec::new();
        File::from(fd).take(limit.saturating_add(1)).read_to_end(&mut content)?;
        if content.len() as u64 > limit { Err(Errno::FBIG.into()) } else { Ok(content) }
    }

    fn open_errno(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
        match self.strategy {
            Strategy::Kernel => self.open_by_kernel(path, flags, mode),
            Strategy::Walk => {
                Walk::new(self.fd(), path).and_then(|walk| walk.open(flags, mode)).map_err(to_errno)
            }
        }
    }

    fn open_by_kernel(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let mut retries = 0;
        loop {
            match openat2(&self.fd, path, flags, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) if retries < RACE_RETRIES => retries += 1,
                done => return done,
            }
        }
    }
}

fn regular_size(fd: &OwnedFd) -> io::Result<u64> {
    let stat = fstat(fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL.into());
    }
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}

fn failed(path: &Path, errno: Errno) -> ResolveError {
    ResolveError { path: path.to_owned(), source: errno.into() }
}

fn to_errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Splits off the last component; `None` when it is missing, `.` or `..`.
fn split_last(path: &Path) -> Option<(&Path, &OsStr)> {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|&byte| byte != b'/')? + 1;
    let start = bytes[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (dir, name) = (&bytes[..start], &bytes[start..end]);
    if name == b"." || name == b".." {
        return None;
    }
    let dir = if dir.is_empty() { b"." } else { dir };
    Some((Path::new(OsStr::from_bytes(dir)), OsStr::from_bytes(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_component_is_split_off() {
        let split = |path| {
            split_last(Path::new(path)).map(|(dir, name)| (dir.to_str().unwrap(), name.to_str().unwrap()))
        };
        assert_eq!(split("a"), Some((".", "a")));
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("a/b//"), Some(("a/", "b")));
        assert_eq!(split("a/.."), None);
        assert_eq!(split("/"), None);
        assert_eq!(split(""), None);
    }
}
