//! One file or directory of a tree.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Stat};

/// What is at a path, and its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path relative to the tree's root, without links.
    pub(crate) path: PathBuf,
    /// The layer that has it.
    pub(crate) layer: usize,
    /// What it is.
    pub(crate) kind: EntryKind,
    /// Permission bits (07777).
    pub(crate) mode: u32,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Size in bytes of a regular file.
    pub(crate) size: u64,
    /// Modification time: seconds and nanoseconds.
    pub(crate) mtime: (i64, i64),
    /// Time of the last change of data or attributes: seconds and nanoseconds.
    pub(crate) ctime: (i64, i64),
    /// Device and inode.
    pub(crate) inode: (u64, u64),
    /// Number of hard links.
    pub(crate) links: u64,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link and its text.
    Symlink(PathBuf),
    /// A device, by type and number.
    Device(FileType, u64),
    /// A named pipe.
    Fifo,
    /// A socket; never copied.
    Socket,
}

impl Entry {
    /// Reads the attributes of `name` in `directory`; `None` if there is nothing.
    pub(crate) fn read(
        layer: usize,
        directory: &impl std::os::fd::AsFd,
        parent: &Path,
        name: &std::ffi::OsStr,
    ) -> io::Result<Option<Self>> {
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            other => other?,
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => EntryKind::Directory,
            FileType::RegularFile => EntryKind::File,
            FileType::Symlink => EntryKind::Symlink(link(directory, name)?),
            FileType::Fifo => EntryKind::Fifo,
            FileType::Socket => EntryKind::Socket,
            device => EntryKind::Device(device, stat.st_rdev),
        };
        Ok(Some(Self::of(layer, parent.join(name), kind, &stat)))
    }

    fn of(layer: usize, path: PathBuf, kind: EntryKind, stat: &Stat) -> Self {
        Self {
            path,
            layer,
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: (stat.st_mtime, stat.st_mtime_nsec as i64),
            ctime: (stat.st_ctime, stat.st_ctime_nsec as i64),
            inode: (stat.st_dev, stat.st_ino),
            links: stat.st_nlink,
        }
    }

    /// Whether overlayfs takes it as "nothing is here".
    pub(crate) fn is_whiteout(&self) -> bool {
        self.kind == EntryKind::Device(FileType::CharacterDevice, 0)
    }
}

fn link(directory: &impl std::os::fd::AsFd, name: &std::ffi::OsStr) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let text = rustix::fs::readlinkat(directory, name, Vec::new())?;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(text.into_bytes())))
}
