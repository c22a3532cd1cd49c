//! Unpacking a tar stream beneath a root.
//!
//! Guarantees: nothing outside the root is touched, whatever the stream says; of two members of one name the later
//! wins; what cannot be unpacked is refused with its name.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use beneath::Root;
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fchmod, fchown, fstat, ftruncate, openat,
    statat, utimensat,
};
use rustix::io::{Errno, pwrite};

use super::dirs::{Dirs, Flavour, set_mtime, timestamps};
use super::entry::{Entry, Kind};
use super::error::{ExtractError, Limits};
use super::node;
use super::path::{Whiteout, components, whiteout_in};
use super::reader::Reader;
use super::remove::remove_tree;
use super::source::{Chunks, Tap, Wanted, inflate};
use super::xattr::{self, is_whiteout, set_opaque};

/// How an archive is unpacked.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtractOptions {
    /// Bounds on the stream.
    pub limits: Limits,
    /// Owner and group of everything unpacked, instead of those in the archive.
    pub owner: Option<(u32, u32)>,
    /// Refuse to put a directory in the place of another kind of file, or the other way round.
    pub keep_kind: bool,
    /// What is unpacked will be part of a layer: a directory keeps its time when something is put into it later, one that
    /// the archive does not name gets the epoch, and a device that is overlayfs' whiteout is refused.
    pub for_layer: bool,
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Number of entries.
    pub entries: u64,
    /// Bytes of regular files.
    pub size: u64,
    /// Number of device nodes.
    pub devices: u64,
}

/// Unpacks an archive (tar, plain or compressed with gzip or zstd) into the directory `at` beneath `root`; links in
/// the tree are followed inside the root. For `cp` into a container and `ADD`; layers go through
/// [`crate::Store::import_layer`].
pub fn extract(
    root: &Root,
    at: &Path,
    stream: &mut (dyn Read + Send),
    options: &ExtractOptions,
) -> Result<Extracted, ExtractError> {
    let unpacked = inflate(&mut Tap::new(stream, None), Wanted::default(), |chunks| {
        let mut reader = Reader::new(chunks, options.limits);
        Extractor::run(root, at, &mut reader, Flavour::Plain, options)
    });
    unpacked.map(|(extracted, _)| extracted)
}

/// Unpacks a layer to overlayfs' form.
pub(crate) fn extract_layer(
    root: &Root,
    chunks: &mut Chunks,
    limits: Limits,
) -> Result<(Extracted, u64), ExtractError> {
    let options = ExtractOptions { limits, for_layer: true, ..ExtractOptions::default() };
    let mut reader = Reader::new(chunks, limits);
    let extracted = Extractor::run(root, Path::new("."), &mut reader, Flavour::Layer, &options)?;
    Ok((extracted, reader.offset()))
}

struct Extractor<'a> {
    root: &'a Root,
    dirs: Dirs<'a>,
    flavour: Flavour,
    options: &'a ExtractOptions,
    done: Extracted,
}

/// What was in an entry's place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    /// A whiteout was taken away: a directory there must be opaque.
    WasWhiteout,
}

impl<'a> Extractor<'a> {
    fn run<R: std::io::BufRead>(
        root: &'a Root,
        at: &Path,
        reader: &mut Reader<R>,
        flavour: Flavour,
        options: &'a ExtractOptions,
    ) -> Result<Extracted, ExtractError> {
        let start = Entry { path: at.as_os_str().as_encoded_bytes().to_vec(), ..Entry::default() };
        let base = root.real_path(at).map_err(|error| ExtractError::unpack(&start, error.source))?;
        let base = base.as_os_str().as_encoded_bytes();
        let base = components(base).map_err(|reason| ExtractError::refuse(&start, reason))?;
        let keep_times = options.for_layer;
        let dirs =
            Dirs::new(root, flavour, keep_times).map_err(|error| ExtractError::unpack(&start, error))?;
        let mut extractor = Self { root, dirs, flavour, options, done: Extracted::default() };
        let mut entry = Entry::default();
        while reader.next(&mut entry).map_err(|error| error.at(&entry))? {
            extractor.member(&base, &entry, reader).map_err(|error| error.at(&entry))?;
        }
        extractor.dirs.finish().map_err(|error| ExtractError::unpack(&start, error))?;
        Ok(extractor.done)
    }

    fn member<R: std::io::BufRead>(
        &mut self,
        base: &[&[u8]],
        entry: &Entry,
        reader: &mut Reader<R>,
    ) -> Result<(), ExtractError> {
        let own = components(&entry.path).map_err(|reason| ExtractError::refuse(entry, reason))?;
        let path = [base, &own].concat();
        let Some((name, parent)) = path.split_last().filter(|_| !own.is_empty()) else {
            return self.base_attributes(&path, entry);
        };
        if self.flavour == Flavour::Layer
            && let Some(mark) = whiteout_in(&own).map_err(|reason| ExtractError::refuse(entry, reason))?
        {
            self.done.entries += 1;
            return self.whiteout(parent, &mark).map_err(|error| ExtractError::unpack(entry, error));
        }
        self.done.entries += 1;
        match entry.kind {
            Kind::File => self.file(parent, name, entry, reader),
            Kind::Directory => self.directory(parent, name, entry),
            Kind::HardLink => self.hard_link(base, parent, name, entry),
            _ => self.special(parent, name, entry),
        }
    }

    /// The entry of the directory that is unpacked to.
    fn base_attributes(&mut self, path: &[&[u8]], entry: &Entry) -> Result<(), ExtractError> {
        if entry.kind != Kind::Directory {
            return Err(ExtractError::refuse(entry, "it would replace the root directory"));
        }
        if !path.is_empty() {
            return Ok(());
        }
        let owner = self.owner(entry);
        let fd = self.dirs.root(entry.mtime).map_err(|error| ExtractError::unpack(entry, error))?;
        set_attributes(fd, owner, entry).map_err(|errno| ExtractError::unpack(entry, errno))
    }

    fn owner(&self, entry: &Entry) -> (Uid, Gid) {
        let (uid, gid) = self.options.owner.unwrap_or((entry.uid, entry.gid));
        (Uid::from_raw(uid), Gid::from_raw(gid))
    }

    fn file<R: std::io::BufRead>(
        &mut self,
        parent: &[&[u8]],
        name: &[u8],
        entry: &Entry,
        reader: &mut Reader<R>,
    ) -> Result<(), ExtractError> {
        let failed = |source: Errno| ExtractError::unpack(entry, source);
        let fd = self.make(parent, name, entry, &|dir| node::file(dir, name))?.0;
        let write = if self.flavour == Flavour::Plain { write_with_holes } else { write_at };
        reader.data(&mut |offset, bytes| write(&fd, offset, bytes).map_err(failed))?;
        if fstat(&fd).map_err(failed)?.st_size as u64 != entry.size {
            ftruncate(&fd, entry.size).map_err(failed)?;
        }
        set_attributes(fd.as_fd(), self.owner(entry), entry).map_err(failed)?;
        set_mtime(fd.as_fd(), entry.mtime).map_err(failed)?;
        self.done.size += entry.size;
        Ok(())
    }

    fn directory(&mut self, parent: &[&[u8]], name: &[u8], entry: &Entry) -> Result<(), ExtractError> {
        let failed = |source: Errno| ExtractError::unpack(entry, source);
        let (fd, place) = self.make(parent, name, entry, &|dir| node::directory(dir, name))?;
        if place == Place::WasWhiteout {
            set_opaque(fd.as_fd()).map_err(failed)?;
        }
        set_attributes(fd.as_fd(), self.owner(entry), entry).map_err(failed)?;
        set_mtime(fd.as_fd(), entry.mtime).map_err(failed)?;
        self.dirs.push(name, fd, entry.mtime);
        Ok(())
    }

    fn hard_link(
        &mut self,
        base: &[&[u8]],
        parent: &[&[u8]],
        name: &[u8],
        entry: &Entry,
    ) -> Result<(), ExtractError> {
        let refuse = |reason: &str| ExtractError::refuse(entry, reason);
        let target = components(&entry.link).map_err(|_| refuse("its hard link leads out of the archive"))?;
        let target = node::join(base, &target).ok_or_else(|| refuse("its hard link names no file"))?;
        let missing = "its hard link names a file that is not there";
        let target = self.root.parent(target).map_err(|_| refuse(missing))?;
        let stat =
            statat(&target.dir, &target.name, AtFlags::SYMLINK_NOFOLLOW).map_err(|_| refuse(missing))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(refuse("its hard link names a directory"));
        }
        if self.is_same(parent, name, &stat).map_err(|error| ExtractError::unpack(entry, error))? {
            return Ok(());
        }
        self.make(parent, name, entry, &|dir| node::hard_link(&target, dir, name)).map(drop)
    }

    fn is_same(&mut self, parent: &[&[u8]], name: &[u8], target: &Stat) -> std::io::Result<bool> {
        let dir = self.dirs.enter(parent)?;
        let found = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
        Ok(found.is_ok_and(|found| (found.st_dev, found.st_ino) == (target.st_dev, target.st_ino)))
    }

    /// Links, devices and pipes: what is made by name and has no data.
    fn special(&mut self, parent: &[&[u8]], name: &[u8], entry: &Entry) -> Result<(), ExtractError> {
        let failed = |source: Errno| ExtractError::unpack(entry, source);
        if self.options.for_layer && node::is_whiteout_device(entry) {
            return Err(ExtractError::refuse(entry, "a device 0:0 is overlayfs' whiteout, not a file"));
        }
        let owner = self.owner(entry);
        self.make(parent, name, entry, &|dir| node::special(dir, name, entry))?;
        let dir = self.dirs.enter(parent).map_err(|error| ExtractError::unpack(entry, error))?;
        chownat(dir, name, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        if entry.kind != Kind::Symlink {
            node::chmod(dir, name, entry.mode).map_err(failed)?;
        }
        utimensat(dir, name, &timestamps(entry.mtime), AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        self.done.devices += u64::from(matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice));
        Ok(())
    }

    /// Makes an entry, taking away what is in its place.
    fn make<T>(
        &mut self,
        parent: &[&[u8]],
        name: &[u8],
        entry: &Entry,
        create: &dyn Fn(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<(T, Place), ExtractError> {
        let failed = |source: std::io::Error| ExtractError::unpack(entry, source);
        let dir = self.dirs.enter(parent).map_err(failed)?;
        match create(dir) {
            Ok(made) => return Ok((made, Place::Free)),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        let place = self.clear(parent, name, entry)?;
        let dir = self.dirs.enter(parent).map_err(failed)?;
        create(dir).map(|made| (made, place)).map_err(|errno| failed(errno.into()))
    }

    fn clear(&mut self, parent: &[&[u8]], name: &[u8], entry: &Entry) -> Result<Place, ExtractError> {
        let failed = |source: std::io::Error| ExtractError::unpack(entry, source);
        let dir = self.dirs.enter(parent).map_err(failed)?;
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| failed(errno.into()))?;
        let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if self.options.keep_kind && is_dir != (entry.kind == Kind::Directory) {
            let reason = if is_dir {
                "a directory is in its place"
            } else {
                "a file that is no directory is in its place"
            };
            return Err(ExtractError::refuse(entry, reason));
        }
        remove_tree(dir, name).map_err(failed)?;
        if is_dir {
            self.dirs.forget().map_err(failed)?;
        }
        let was_whiteout = self.flavour == Flavour::Layer && is_whiteout(&stat);
        Ok(if was_whiteout { Place::WasWhiteout } else { Place::Free })
    }

    fn whiteout(&mut self, parent: &[&[u8]], mark: &Whiteout<'_>) -> std::io::Result<()> {
        if *mark == Whiteout::Ignored {
            return Ok(());
        }
        let dir = self.dirs.enter(parent)?;
        match mark {
            Whiteout::Ignored => {}
            Whiteout::Opaque => set_opaque(dir)?,
            // What this very layer has at the name stays; only the layers below lose theirs.
            Whiteout::Entry(name) => match node::whiteout(dir, name) {
                Err(Errno::EXIST) => hide_below(dir, name)?,
                done => done?,
            },
        }
        Ok(())
    }
}

fn hide_below(dir: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(dir, name, flags, Mode::empty()) {
        Ok(fd) => set_opaque(fd.as_fd()),
        Err(Errno::NOTDIR | Errno::LOOP) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn write_at(fd: &OwnedFd, mut offset: u64, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match pwrite(fd, bytes, offset) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// As [`write_at`] into a new file, but long runs of zeros are left out: a sparse file stays one.
fn write_with_holes(fd: &OwnedFd, mut offset: u64, bytes: &[u8]) -> Result<(), Errno> {
    const HOLE: usize = 64 * 1024;
    for block in bytes.chunks(HOLE) {
        if block.len() < HOLE || block.iter().any(|byte| *byte != 0) {
            write_at(fd, offset, block)?;
        }
        offset += block.len() as u64;
    }
    Ok(())
}

/// Owner first: changing it clears set-id bits and capabilities.
fn set_attributes(fd: BorrowedFd<'_>, owner: (Uid, Gid), entry: &Entry) -> Result<(), Errno> {
    fchown(fd, Some(owner.0), Some(owner.1))?;
    fchmod(fd, Mode::from(entry.mode))?;
    xattr::write(fd, &entry.xattrs)
}
