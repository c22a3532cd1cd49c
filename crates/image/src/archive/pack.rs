//! Writing a directory tree as a tar stream.
//!
//! Guarantees: the stream depends only on names, data, owners, modes, modification times in whole seconds, links and the
//! attributes that travel; equal trees give equal streams. A layer's stream is that of its directory in overlayfs' form,
//! with whiteouts written as OCI wants them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use beneath::Root;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, fstat, major, minor, openat, readlinkat, statat, utimensat,
};
use rustix::io::Errno;

use super::descent::Descent;
use super::dirs::{Flavour, timestamps};
use super::entry::{Entry, Kind, Time};
use super::error::PackError;
use super::writer::{DataError, Writer};
use super::xattr::{self, Marks, is_whiteout};
use crate::Digest;

/// What a layer's stream came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) digest: Digest,
    /// Bytes of the stream.
    pub(crate) tar_size: u64,
    /// Bytes of regular files.
    pub(crate) size: u64,
    pub(crate) entries: u64,
}

/// Writes the file or tree at `path` beneath `root` as a tar stream whose members are called `name` (and `name/…`); with
/// an empty `name` a directory's content alone is written, and with `/` its members' names begin with one. A link at
/// `path` is not followed. Returns the stream's length in bytes.
///
/// Assumptions: nobody renames directories of the tree meanwhile; a file that shrinks is an error.
pub fn pack(root: &Root, path: &Path, name: &Path, to: &mut dyn Write) -> Result<u64, PackError> {
    let failed = |source| PackError::Read { path: path.to_owned(), source };
    let name = name.as_os_str().as_bytes();
    let mut packer = Packer::new(Writer::new(Some(to), false), Flavour::Plain, None);
    match root.parent(path) {
        Ok(parent) if !name.is_empty() => {
            statat(&parent.dir, &parent.name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| failed(errno.into()))?;
            packer.one(parent.dir.as_fd(), parent.name.as_bytes(), name)?;
        }
        _ => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let dir = root.open_at(path, flags, Mode::empty()).map_err(|error| failed(error.source))?;
            packer.tree(dir, name)?;
        }
    }
    packer.writer.finish().map(|(_, length)| length).map_err(PackError::Write)
}

/// Hashes the stream of a layer's directory and writes it to `to`, if given. Modification times after `clamp` (seconds
/// since 1970) are set to it in the directory, too.
pub(crate) fn pack_layer(
    dir: OwnedFd,
    to: Option<&mut dyn Write>,
    clamp: Option<i64>,
) -> Result<Packed, PackError> {
    let mut packer = Packer::new(Writer::new(to, true), Flavour::Layer, clamp);
    packer.tree(dir, b"")?;
    let Packer { writer, size, entries, .. } = packer;
    let (digest, tar_size) = writer.finish().map_err(PackError::Write)?;
    Ok(Packed { digest, tar_size, size, entries })
}

struct Packer<'w> {
    writer: Writer<'w>,
    flavour: Flavour,
    clamp: Option<i64>,
    /// Where a file with several names was written first.
    links: HashMap<(u64, u64), Vec<u8>>,
    entry: Entry,
    size: u64,
    entries: u64,
}

impl<'w> Packer<'w> {
    fn new(writer: Writer<'w>, flavour: Flavour, clamp: Option<i64>) -> Self {
        Self { writer, flavour, clamp, links: HashMap::new(), entry: Entry::default(), size: 0, entries: 0 }
    }

    /// One file, or a tree with its top.
    fn one(&mut self, dir: BorrowedFd<'_>, file: &[u8], name: &[u8]) -> Result<(), PackError> {
        let made = self.node(dir, file, name, FileType::Unknown)?;
        match made {
            Some(dir) => self.content(dir, &[name, b"/"].concat()),
            None => Ok(()),
        }
    }

    /// A directory; its own entry is written when it has a name or is not as a fresh root would be.
    fn tree(&mut self, dir: OwnedFd, name: &[u8]) -> Result<(), PackError> {
        let path = if name.is_empty() { &b"."[..] } else { name };
        let stat = fstat(&dir).map_err(|errno| read_failed(path, errno))?;
        self.describe(&stat, path);
        let marks = self.read_xattrs(dir.as_fd(), path)?;
        let plain = self.entry.xattrs.is_empty()
            && (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) == (0o755, 0, 0);
        if !plain || !name.is_empty() {
            if name != b"/" {
                self.entry.path.push(b'/');
            }
            // Taking a directory into the store may change the time of the directory itself.
            self.entry.mtime =
                if self.flavour == Flavour::Layer { Time::default() } else { self.entry.mtime };
            self.write_header()?;
        }
        let prefix = if matches!(name, b"" | b"/") { name.to_vec() } else { [name, b"/"].concat() };
        self.opaque(marks, &prefix)?;
        self.content(dir, &prefix)
    }

    fn content(&mut self, dir: OwnedFd, prefix: &[u8]) -> Result<(), PackError> {
        let mut descent = Descent::new(dir, prefix).map_err(|source| read_io_failed(prefix, source))?;
        while let Some(kind) = descent.next().map_err(|source| read_io_failed(descent.path(), source))? {
            let path = descent.path();
            let (dir, start) = descent.here().map_err(|source| read_io_failed(path, source))?;
            if let Some(dir) = self.node(dir, &path[start..], path, kind)? {
                descent.descend(dir).map_err(|source| read_io_failed(descent.path(), source))?;
            }
        }
        Ok(())
    }

    /// Writes one entry; a directory is handed back, to go into.
    fn node(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        path: &[u8],
        kind: FileType,
    ) -> Result<Option<OwnedFd>, PackError> {
        if self.flavour == Flavour::Layer && name.starts_with(b".wh.") {
            return Err(refuse(path, "in a layer its name means that a file was removed"));
        }
        match kind {
            FileType::RegularFile => self.file(dir, name, path).map(|()| None),
            FileType::Directory => self.directory(dir, name, path).map(Some),
            _ => {
                let stat =
                    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| read_failed(path, errno))?;
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::RegularFile => self.file(dir, name, path).map(|()| None),
                    FileType::Directory => self.directory(dir, name, path).map(Some),
                    _ => self.special(dir, name, path, &stat).map(|()| None),
                }
            }
        }
    }

    fn directory(&mut self, dir: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<OwnedFd, PackError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(dir, name, flags, Mode::empty()).map_err(|errno| read_failed(path, errno))?;
        let stat = fstat(&fd).map_err(|errno| read_failed(path, errno))?;
        self.describe(&stat, path);
        self.entry.path.push(b'/');
        self.clamp_time(dir, name, path)?;
        let marks = self.read_xattrs(fd.as_fd(), path)?;
        self.write_header()?;
        self.opaque(marks, &[path, b"/"].concat())?;
        Ok(fd)
    }

    fn file(&mut self, dir: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<(), PackError> {
        let fd = open_file(dir, name).map_err(|errno| read_failed(path, errno))?;
        let stat = fstat(&fd).map_err(|errno| read_failed(path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refuse(path, "it was replaced while it was read"));
        }
        self.describe(&stat, path);
        if self.linked(&stat, path) {
            return self.write_header();
        }
        self.clamp_time(dir, name, path)?;
        self.read_xattrs(fd.as_fd(), path)?;
        self.write_header()?;
        self.size += self.entry.size;
        if !self.entry.has_data() {
            return Ok(());
        }
        self.writer.data(fd.as_fd(), self.entry.size).map_err(|error| match error {
            DataError::Read(source) => read_io_failed(path, source),
            DataError::Shrunk => refuse(path, "it became shorter while it was read"),
            DataError::Write(source) => PackError::Write(source),
        })
    }

    fn special(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        path: &[u8],
        stat: &Stat,
    ) -> Result<(), PackError> {
        if self.flavour == Flavour::Layer && is_whiteout(stat) {
            return self.whiteout(path, name.len());
        }
        self.describe(stat, path);
        self.entry.kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Kind::Symlink,
            FileType::CharacterDevice => Kind::CharDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Fifo => Kind::Fifo,
            // A socket is nothing without the process that listens on it.
            _ => return Ok(()),
        };
        if self.linked(stat, path) {
            return self.write_header();
        }
        self.clamp_time(dir, name, path)?;
        match self.entry.kind {
            Kind::Symlink => {
                let target = readlinkat(dir, name, Vec::new()).map_err(|errno| read_failed(path, errno))?;
                self.entry.link = target.into_bytes();
            }
            Kind::CharDevice | Kind::BlockDevice => {
                (self.entry.major, self.entry.minor) = (major(stat.st_rdev), minor(stat.st_rdev));
            }
            _ => {}
        }
        self.write_header()
    }

    /// Fills the entry from what every file has.
    fn describe(&mut self, stat: &Stat, path: &[u8]) {
        let entry = &mut self.entry;
        entry.path.clear();
        entry.path.extend_from_slice(path);
        entry.link.clear();
        entry.xattrs.clear();
        let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        entry.kind = if directory { Kind::Directory } else { Kind::File };
        entry.mode = stat.st_mode & 0o7777;
        (entry.uid, entry.gid) = (stat.st_uid, stat.st_gid);
        entry.size = if directory { 0 } else { u64::try_from(stat.st_size).unwrap_or(0) };
        entry.mtime = Time { seconds: stat.st_mtime, nanos: 0 };
        (entry.major, entry.minor) = (0, 0);
    }

    /// Whether the file was written under another name already; the entry is a hard link then.
    fn linked(&mut self, stat: &Stat, path: &[u8]) -> bool {
        if stat.st_nlink < 2 {
            return false;
        }
        match self.links.entry((stat.st_dev, stat.st_ino)) {
            std::collections::hash_map::Entry::Occupied(first) => {
                self.entry.kind = Kind::HardLink;
                self.entry.link.clone_from(first.get());
                self.entry.size = 0;
                true
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(path.to_vec());
                false
            }
        }
    }

    fn clamp_time(&mut self, dir: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<(), PackError> {
        let Some(seconds) = self.clamp.filter(|clamp| self.entry.mtime.seconds > *clamp) else {
            return Ok(());
        };
        self.entry.mtime = Time { seconds, nanos: 0 };
        utimensat(dir, name, &timestamps(self.entry.mtime), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| read_failed(path, errno))
    }

    fn read_xattrs(&mut self, fd: BorrowedFd<'_>, path: &[u8]) -> Result<Marks, PackError> {
        let (xattrs, marks) = xattr::read(fd).map_err(|errno| read_failed(path, errno))?;
        self.entry.xattrs = xattrs;
        if self.flavour == Flavour::Layer && marks.redirected {
            return Err(refuse(path, "overlayfs redirected it (redirect_dir or metacopy was on)"));
        }
        Ok(marks)
    }

    fn opaque(&mut self, marks: Marks, prefix: &[u8]) -> Result<(), PackError> {
        if self.flavour == Flavour::Plain || !marks.opaque {
            return Ok(());
        }
        self.mark([prefix, b".wh..wh..opq"].concat())
    }

    fn whiteout(&mut self, path: &[u8], name: usize) -> Result<(), PackError> {
        let (parent, name) = path.split_at(path.len() - name);
        self.mark([parent, b".wh.", name].concat())
    }

    /// An empty file whose name says something; it carries nothing else.
    fn mark(&mut self, path: Vec<u8>) -> Result<(), PackError> {
        self.entry = Entry { path, mode: 0o600, ..Entry::default() };
        self.write_header()
    }

    fn write_header(&mut self) -> Result<(), PackError> {
        self.entries += 1;
        self.writer.header(&self.entry).map_err(PackError::Write)
    }
}

/// Opens a file for reading, leaving its access time where that is allowed.
fn open_file(dir: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match openat(dir, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(dir, name, flags, Mode::empty()),
        done => done,
    }
}

fn path_of(path: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(path))
}

fn read_failed(path: &[u8], errno: Errno) -> PackError {
    read_io_failed(path, errno.into())
}

fn read_io_failed(path: &[u8], source: io::Error) -> PackError {
    PackError::Read { path: path_of(path), source }
}

fn refuse(path: &[u8], reason: &'static str) -> PackError {
    PackError::Entry { path: path_of(path), reason }
}
