//! The store's own files: errors with names, atomic replacement, the lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, IFlags, flock, ioctl_getflags, ioctl_setflags};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

impl StoreError {
    /// An I/O error with what was tried; a full disk is told apart.
    pub(crate) fn io(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.to_owned(), source.into());
        if is_disk_full(&source) {
            Self::DiskFull { path, source }
        } else {
            Self::Io { action, path, source }
        }
    }
}

pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOSPC | Errno::DQUOT))
}

/// Makes a directory and its parents, for this user alone.
pub(crate) fn create_dirs(path: &Path) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| StoreError::io("make directory", path, source))
}

pub(crate) fn create_dir(path: &Path, mode: u32) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().mode(mode).create(path);
    made.map_err(|source| StoreError::io("make directory", path, source))
}

/// Tells ext4 that the directories in this one have nothing to do with each other, as `chattr +T` does: it then puts each
/// into another block group. Without it, and without a journal, a tree made after a large one was removed is made a
/// hundred times slower: for each file ext4 passes over every inode of the group that was freed in the last minutes.
pub(crate) fn spread(dir: &Path) {
    let Ok(dir) = File::open(dir) else { return };
    if let Ok(flags) = ioctl_getflags(&dir) {
        // Other file systems know no such flag, and place what they hold in their own way.
        let _ = ioctl_setflags(&dir, flags | IFlags::TOPDIR);
    }
}

/// Makes a new file; one of that name is replaced.
pub(crate) fn create_file(path: &Path) -> Result<File, StoreError> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    opened.map_err(|source| StoreError::io("create", path, source))
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|source| StoreError::io("rename to", to, source))
}

/// Writes a new file, to the disk if `durable`.
pub(crate) fn write_file(path: &Path, content: &[u8], durable: bool) -> Result<(), StoreError> {
    let failed = |source| StoreError::io("write", path, source);
    let mut file = create_file(path)?;
    file.write_all(content).map_err(failed)?;
    if durable { file.sync_data().map_err(failed) } else { Ok(()) }
}

/// Reads a file; `None` when there is none.
pub(crate) fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::io("read", path, source)),
    }
}

/// Reads JSON; `None` when there is no file, an inner error when it does not parse.
pub(crate) fn read_json<T: DeserializeOwned>(
    path: &Path,
) -> Result<Option<Result<T, serde_json::Error>>, StoreError> {
    Ok(read_file(path)?.map(|content| serde_json::from_slice(&content)))
}

pub(crate) fn to_json<T: Serialize>(value: &T, path: &Path) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::io("write", path, io::Error::from(error)))
}

/// Whether something is there, links not followed.
pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// What changes when a file is replaced or written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None` when there is no file.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, StoreError> {
        match fs::metadata(path) {
            Ok(meta) => Ok(Some(Self {
                inode: meta.ino(),
                size: meta.size(),
                modified: (meta.mtime(), meta.mtime_nsec()),
                changed: (meta.ctime(), meta.ctime_nsec()),
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::io("look at", path, source)),
        }
    }
}

/// Waits for the lock of an open file; it is let go when the file is closed or unlocked.
pub(crate) fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    loop {
        match flock(file, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            done => return done.map_err(|errno| StoreError::io("lock", path, errno)),
        }
    }
}

/// Takes the lock if nobody has it.
pub(crate) fn try_lock(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

pub(crate) fn unlock(file: &File) {
    // Cannot fail on an open file; closing it would unlock it anyway.
    let _ = flock(file, FlockOperation::Unlock);
}
