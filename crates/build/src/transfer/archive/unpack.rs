//! Unpacking a tar stream beneath a directory.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use beneath::{Parent, Root};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use tar::{Entry, EntryType, Header};

use crate::request::Cancel;
use crate::transfer::TransferError;

/// What a PAX attribute's name begins with when it holds an extended attribute.
const XATTR: &[u8] = b"SCHILY.xattr.";

/// Why one entry was not unpacked.
enum Refused {
    Because(&'static str),
    Failed(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Errno> for Refused {
    fn from(error: Errno) -> Self {
        Self::Failed(error.into())
    }
}

impl From<beneath::ResolveError> for Refused {
    fn from(error: beneath::ResolveError) -> Self {
        Self::Failed(error.source)
    }
}

/// Unpacks `stream` into the empty directory `into`; `archive` names it in errors.
pub(crate) fn unpack(
    archive: &Path,
    stream: impl Read,
    into: &Path,
    cancel: &Cancel,
) -> Result<(), TransferError> {
    let fail = |source| TransferError::Archive { archive: archive.to_owned(), source };
    let root = Root::open(into).map_err(fail)?;
    let mut tar = tar::Archive::new(stream);
    let mut directories = Vec::new();
    for entry in tar.entries().map_err(fail)? {
        if cancel.is_cancelled() {
            return Err(TransferError::Cancelled);
        }
        let mut entry = entry.map_err(fail)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match unpack_entry(&root, &mut entry) {
            Ok(true) => directories.push((name, entry.header().clone())),
            Ok(false) => {}
            Err(Refused::Because(reason)) => {
                return Err(TransferError::ArchiveEntry { archive: archive.to_owned(), entry: name, reason });
            }
            Err(Refused::Failed(source)) => return Err(fail(source)),
        }
    }
    directories
        .iter()
        .rev()
        .try_for_each(|(name, header)| times_of_directory(&root, name, header))
        .map_err(fail)
}

/// Unpacks one entry; true for a directory, whose time is set at the end.
fn unpack_entry<R: Read>(root: &Root, entry: &mut Entry<'_, R>) -> Result<bool, Refused> {
    let kind = entry.header().entry_type();
    if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
        return Ok(false);
    }
    let path = safe_path(&entry.path_bytes())?;
    if path.as_os_str().is_empty() {
        return Ok(false);
    }
    root.create_dir_all(path.parent().unwrap_or(Path::new("")), Mode::from_raw_mode(0o755))?;
    let parent = root.parent(&path)?;
    if kind == EntryType::Directory {
        directory(root, &path, &parent, entry)?;
        return Ok(true);
    }
    make_way(&parent)?;
    match kind {
        EntryType::Link => hard_link(root, entry, &parent)?,
        EntryType::Symlink => symlink(entry, &parent)?,
        EntryType::Char | EntryType::Block | EntryType::Fifo => device(entry, &parent)?,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            regular(root, &path, entry)?;
        }
        _ => return Err(Refused::Because("its type is not known")),
    }
    Ok(false)
}

/// The path of an entry: leading slashes and `.` do not count, `..` is refused.
fn safe_path(bytes: &[u8]) -> Result<PathBuf, Refused> {
    let mut path = PathBuf::new();
    for component in Path::new(std::ffi::OsStr::from_bytes(bytes)).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => return Err(Refused::Because("its name has ..")),
            _ => {}
        }
    }
    Ok(path)
}

/// Removes what an earlier entry of the same name left.
fn make_way(parent: &Parent) -> Result<(), Refused> {
    match rustix::fs::unlinkat(&parent.dir, &parent.name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) => Err(Refused::Because("a directory of that name came before")),
        Err(error) => Err(error.into()),
    }
}

fn directory<R: Read>(
    root: &Root,
    path: &Path,
    parent: &Parent,
    entry: &mut Entry<'_, R>,
) -> Result<(), Refused> {
    match rustix::fs::mkdirat(&parent.dir, &parent.name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let opened = match root.open_at(path, flags, Mode::empty()) {
        Ok(opened) => opened,
        Err(_) => return Err(Refused::Because("something that is no directory came before it")),
    };
    attributes(&opened, entry)
}

fn regular<R: Read>(root: &Root, path: &Path, entry: &mut Entry<'_, R>) -> Result<(), Refused> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let mut file = std::fs::File::from(root.open_at(path, flags, Mode::RUSR | Mode::WUSR)?);
    io::copy(entry, &mut file)?;
    let times = times(entry.header())?;
    let file = file.into();
    attributes(&file, entry)?;
    Ok(rustix::fs::futimens(&file, &times)?)
}

fn hard_link<R: Read>(root: &Root, entry: &Entry<'_, R>, parent: &Parent) -> Result<(), Refused> {
    let name = entry.link_name_bytes().ok_or(Refused::Because("it is a link without a name"))?;
    let from = root.parent(safe_path(&name)?)?;
    match rustix::fs::linkat(&from.dir, &from.name, &parent.dir, &parent.name, AtFlags::empty()) {
        Err(Errno::NOENT) => Err(Refused::Because("it is a hard link to something that is not there")),
        other => Ok(other?),
    }
}

fn symlink<R: Read>(entry: &Entry<'_, R>, parent: &Parent) -> Result<(), Refused> {
    let to = entry.link_name_bytes().ok_or(Refused::Because("it is a link without a name"))?;
    rustix::fs::symlinkat(&*to, &parent.dir, &parent.name)?;
    finish_special(entry.header(), parent)
}

fn device<R: Read>(entry: &Entry<'_, R>, parent: &Parent) -> Result<(), Refused> {
    let header = entry.header();
    let kind = match header.entry_type() {
        EntryType::Char => FileType::CharacterDevice,
        EntryType::Block => FileType::BlockDevice,
        _ => FileType::Fifo,
    };
    let number = |number: io::Result<Option<u32>>| number.map(Option::unwrap_or_default);
    let device = rustix::fs::makedev(number(header.device_major())?, number(header.device_minor())?);
    if kind == FileType::CharacterDevice && device == 0 {
        return Err(Refused::Because("the character device 0:0 means a deleted file in a layer"));
    }
    rustix::fs::mknodat(&parent.dir, &parent.name, kind, Mode::empty(), device)?;
    let mode = Mode::from_raw_mode(header.mode()? & 0o7777);
    rustix::fs::chmodat(&parent.dir, &parent.name, mode, AtFlags::empty())?;
    finish_special(header, parent)
}

/// Owner and time of something that cannot be opened.
fn finish_special(header: &Header, parent: &Parent) -> Result<(), Refused> {
    let (uid, gid) = owner(header)?;
    rustix::fs::chownat(&parent.dir, &parent.name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(rustix::fs::utimensat(&parent.dir, &parent.name, &times(header)?, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn owner(header: &Header) -> Result<(Uid, Gid), Refused> {
    let id = |id: u64| u32::try_from(id).map_err(|_| Refused::Because("its owner is out of range"));
    let old = header.as_old();
    let (uid, gid) = (number(header.uid(), &old.uid)?, number(header.gid(), &old.gid)?);
    Ok((Uid::from_raw(id(uid)?), Gid::from_raw(id(gid)?)))
}

/// A number of a header; a field that says nothing means 0.
fn number(read: io::Result<u64>, field: &[u8]) -> io::Result<u64> {
    match read {
        Err(_) if field.iter().all(|byte| matches!(byte, 0 | b' ')) => Ok(0),
        other => other,
    }
}

fn times(header: &Header) -> Result<Timestamps, Refused> {
    let mtime = number(header.mtime(), &header.as_old().mtime)?;
    let tv_sec = i64::try_from(mtime).map_err(|_| Refused::Because("its time is out of range"))?;
    let time = Timespec { tv_sec, tv_nsec: 0 };
    Ok(Timestamps { last_access: time, last_modification: time })
}

/// Owner, permissions and extended attributes, in the order that keeps all of them.
fn attributes<R: Read>(file: &std::os::fd::OwnedFd, entry: &mut Entry<'_, R>) -> Result<(), Refused> {
    let (uid, gid) = owner(entry.header())?;
    rustix::fs::fchown(file, Some(uid), Some(gid))?;
    rustix::fs::fchmod(file, Mode::from_raw_mode(entry.header().mode()? & 0o7777))?;
    let Some(extensions) = entry.pax_extensions()? else { return Ok(()) };
    for extension in extensions {
        let extension = extension?;
        if let Some(name) = extension.key_bytes().strip_prefix(XATTR)
            && !name.starts_with(b"trusted.")
        {
            rustix::fs::fsetxattr(file, name, extension.value_bytes(), XattrFlags::empty())?;
        }
    }
    Ok(())
}

fn times_of_directory(root: &Root, name: &str, header: &Header) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let Ok(directory) = root.open_at(name, flags, Mode::empty()) else { return Ok(()) };
    match times(header) {
        Ok(times) => Ok(rustix::fs::futimens(directory, &times)?),
        Err(_) => Ok(()),
    }
}
