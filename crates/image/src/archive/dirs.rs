//! The directories an extraction is in, held open so that members beside each other cost no look-up.
//!
//! Every level is a real directory opened from its parent without following links, so nothing on the stack can lead out
//! of the root. Names that go through a link take the slow way, by [`Root`]. Where times are
//! kept (always in a layer), a directory has the modification time it had when it was entered put back when it is left.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use beneath::Root;
use rustix::fs::{
    AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat, futimens, mkdirat, openat,
    statat, unlinkat,
};
use rustix::io::Errno;

use super::entry::Time;
use super::xattr::{is_whiteout, set_opaque};

/// Levels that are held open; deeper directories are gone through anew for each member.
const MAX_OPEN: usize = 64;

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Whether names like `.wh.x` have a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// An OCI layer, unpacked to overlayfs' form.
    Layer,
    /// Any other archive.
    Plain,
}

struct Level {
    name: Vec<u8>,
    fd: OwnedFd,
    /// Put back when the level is left.
    mtime: Option<Time>,
}

pub(crate) struct Dirs<'a> {
    root: &'a Root,
    flavour: Flavour,
    /// Directories get back the time they had when they were entered.
    keep_times: bool,
    /// Always holds the root itself at its start.
    levels: Vec<Level>,
    /// A directory that is not on the stack: too deep, or reached through a link.
    aside: Option<Level>,
}

impl<'a> Dirs<'a> {
    pub(crate) fn new(root: &'a Root, flavour: Flavour, keep_times: bool) -> io::Result<Self> {
        let fd = openat(root.fd(), ".", OPEN, Mode::empty())?;
        let mtime = keep_times.then(Time::default);
        Ok(Self {
            root,
            flavour,
            keep_times,
            levels: vec![Level { name: Vec::new(), fd, mtime }],
            aside: None,
        })
    }

    /// The directory of the given components, made where it is missing; the caller is about to change it.
    pub(crate) fn enter(&mut self, components: &[&[u8]]) -> io::Result<BorrowedFd<'_>> {
        self.leave_aside()?;
        let shared =
            self.levels[1..].iter().zip(components).take_while(|(level, name)| level.name == **name).count();
        self.pop_to(shared + 1)?;
        for (at, name) in components.iter().enumerate().skip(shared) {
            match self.step(name) {
                Ok(level) if self.levels.len() < MAX_OPEN => self.levels.push(level),
                Ok(level) => self.put_aside(level)?,
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    return self.enter_by_link(&components[..=at], &components[at + 1..]);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(self.here())
    }

    /// Puts a directory just made or changed in the current one on the stack; its members come next as a rule.
    pub(crate) fn push(&mut self, name: &[u8], fd: OwnedFd, mtime: Time) {
        if self.aside.is_none() && self.levels.len() < MAX_OPEN {
            self.levels.push(Level { name: name.to_vec(), fd, mtime: Some(mtime) });
        }
    }

    /// The root, for attributes of its own; `mtime` is put on it at the end.
    pub(crate) fn root(&mut self, mtime: Time) -> io::Result<BorrowedFd<'_>> {
        self.leave_aside()?;
        self.pop_to(1)?;
        self.levels[0].mtime = Some(mtime);
        Ok(self.levels[0].fd.as_fd())
    }

    /// Forgets every open directory, because one of them may have been removed.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        self.leave_aside()?;
        self.pop_to(1)
    }

    /// Puts the last times back.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.forget()?;
        self.levels.pop().map_or(Ok(()), |root| root.leave())
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.aside.as_ref().unwrap_or(&self.levels[self.levels.len() - 1]).fd.as_fd()
    }

    fn step(&self, name: &[u8]) -> Result<Level, Errno> {
        let (fd, made) = match openat(self.here(), name, OPEN, Mode::empty()) {
            Ok(fd) => (fd, false),
            Err(Errno::NOENT) => (self.make(name)?, true),
            Err(errno @ (Errno::NOTDIR | Errno::LOOP)) => (self.make_over_whiteout(name, errno)?, true),
            Err(errno) => return Err(errno),
        };
        let mtime = if made { Some(Time::default()) } else { self.kept_mtime(fd.as_fd())? };
        Ok(Level { name: name.to_vec(), fd, mtime: mtime.filter(|_| self.keep_times) })
    }

    fn make(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        mkdirat(self.here(), name, Mode::from(0o755))?;
        let fd = openat(self.here(), name, OPEN, Mode::empty())?;
        fchmod(&fd, Mode::from(0o755))?;
        Ok(fd)
    }

    /// A directory where the layers below have something this layer took away hides what they have there.
    fn make_over_whiteout(&self, name: &[u8], errno: Errno) -> Result<OwnedFd, Errno> {
        let stat = statat(self.here(), name, AtFlags::SYMLINK_NOFOLLOW)?;
        if self.flavour == Flavour::Plain || !is_whiteout(&stat) {
            return Err(errno);
        }
        unlinkat(self.here(), name, AtFlags::empty())?;
        let fd = self.make(name)?;
        set_opaque(fd.as_fd())?;
        Ok(fd)
    }

    fn kept_mtime(&self, fd: BorrowedFd<'_>) -> Result<Option<Time>, Errno> {
        if !self.keep_times {
            return Ok(None);
        }
        let stat = fstat(fd)?;
        Ok(Some(Time { seconds: stat.st_mtime, nanos: stat.st_mtime_nsec as u32 }))
    }

    /// Goes on where a component is a link (or a file, which ends here with `ENOTDIR`).
    fn enter_by_link(&mut self, link: &[&[u8]], rest: &[&[u8]]) -> io::Result<BorrowedFd<'_>> {
        let path: PathBuf = link.iter().map(|name| OsStr::from_bytes(name)).collect();
        let dir = self.root.create_dir_all(path, Mode::from(0o755)).map_err(|error| error.source)?;
        let fd = openat(&dir, ".", OPEN, Mode::empty())?;
        let mtime = self.kept_mtime(fd.as_fd())?;
        self.put_aside(Level { name: Vec::new(), fd, mtime })?;
        for (at, name) in rest.iter().enumerate() {
            match self.step(name) {
                Ok(level) => self.put_aside(level)?,
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    return self.enter_far_link(link, &rest[..=at], &rest[at + 1..]);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(self.here())
    }

    fn enter_far_link(
        &mut self,
        link: &[&[u8]],
        near: &[&[u8]],
        rest: &[&[u8]],
    ) -> io::Result<BorrowedFd<'_>> {
        let path: Vec<&[u8]> = link.iter().chain(near).copied().collect();
        self.leave_aside()?;
        self.enter_by_link(&path, rest)
    }

    fn put_aside(&mut self, level: Level) -> io::Result<()> {
        let before = self.aside.replace(level);
        before.map_or(Ok(()), Level::leave)
    }

    fn leave_aside(&mut self) -> io::Result<()> {
        self.aside.take().map_or(Ok(()), Level::leave)
    }

    fn pop_to(&mut self, length: usize) -> io::Result<()> {
        while self.levels.len() > length {
            if let Some(level) = self.levels.pop() {
                level.leave()?;
            }
        }
        Ok(())
    }
}

impl Level {
    fn leave(self) -> io::Result<()> {
        match self.mtime {
            Some(mtime) => Ok(set_mtime(self.fd.as_fd(), mtime)?),
            None => Ok(()),
        }
    }
}

/// Sets a modification time and leaves the access time.
pub(crate) fn set_mtime(fd: BorrowedFd<'_>, mtime: Time) -> Result<(), Errno> {
    futimens(fd, &timestamps(mtime))
}

pub(crate) fn timestamps(mtime: Time) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanos.into() },
    }
}
