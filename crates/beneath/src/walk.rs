//! Resolution one component at a time, for kernels without `openat2(2)` and where the way itself is wanted.
//!
//! The walk holds one directory descriptor. `..` is never handed to the kernel: the walk remembers the names it went
//! through and goes down again from the root, following nothing.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, mkdirat, openat, readlinkat};
use rustix::io::Errno;

/// As many links as the kernel follows in one path.
const MAX_LINKS: u32 = 40;
/// Bound on what links may expand a path to, in components.
const MAX_COMPONENTS: usize = 16 * 1024;

const DIRECTORY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A resolution under way.
pub(crate) struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The directory reached; `None` is the root.
    here: Option<OwnedFd>,
    /// Names from the root to `here`.
    names: Vec<OsString>,
    /// Components still to take.
    rest: VecDeque<OsString>,
    links: u32,
}

/// What taking a component led to.
enum Step {
    /// A directory was entered, or a link was put in front of the rest.
    Moved,
    /// Something that is no directory; it was not entered.
    Leaf(OsString),
    /// Nothing is there.
    Missing(OsString),
}

impl<'a> Walk<'a> {
    pub(crate) fn new(root: BorrowedFd<'a>, path: &Path) -> io::Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Errno::NOENT.into());
        }
        if path.as_os_str().as_bytes().contains(&0) {
            return Err(Errno::INVAL.into());
        }
        let mut walk = Self { root, here: None, names: Vec::new(), rest: VecDeque::new(), links: 0 };
        walk.prepend(path)?;
        Ok(walk)
    }

    /// Opens what the path leads to.
    pub(crate) fn open(mut self, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let nofollow = flags.contains(OFlags::NOFOLLOW);
        while let Some(name) = self.rest.pop_front() {
            let last = self.rest.is_empty();
            if last && nofollow && name != "." && name != ".." {
                return self.open_last(&name, flags, mode);
            }
            match self.take(name)? {
                Step::Moved => {}
                Step::Leaf(name) if last => return self.open_last(&name, flags, mode),
                Step::Leaf(_) => return Err(Errno::NOTDIR.into()),
                Step::Missing(name) if last && flags.contains(OFlags::CREATE) => {
                    return self.open_last(&name, flags, mode);
                }
                Step::Missing(_) => return Err(Errno::NOENT.into()),
            }
        }
        self.open_last(&OsString::from("."), flags, mode)
    }

    /// Makes every missing directory and opens the last one.
    pub(crate) fn create(
        mut self,
        mode: Mode,
        made: &mut dyn FnMut(BorrowedFd<'_>) -> io::Result<()>,
    ) -> io::Result<OwnedFd> {
        while let Some(name) = self.rest.pop_front() {
            match self.take(name)? {
                Step::Moved => {}
                Step::Leaf(_) => return Err(Errno::NOTDIR.into()),
                Step::Missing(name) => self.make(name, mode, made)?,
            }
        }
        self.open_last(&OsString::from("."), DIRECTORY, Mode::empty())
    }

    /// The path reached, missing components kept.
    pub(crate) fn real_path(mut self) -> io::Result<PathBuf> {
        while let Some(name) = self.rest.pop_front() {
            match self.take(name)? {
                Step::Moved => {}
                Step::Leaf(name) | Step::Missing(name) => {
                    self.names.push(name);
                    self.finish_by_name();
                }
            }
        }
        Ok(self.names.iter().fold(PathBuf::from("/"), |path, name| path.join(name)))
    }

    fn finish_by_name(&mut self) {
        for name in self.rest.drain(..) {
            match name.as_bytes() {
                b"." => {}
                b".." => drop(self.names.pop()),
                _ => self.names.push(name),
            }
        }
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.here.as_ref().map_or(self.root, std::os::fd::AsFd::as_fd)
    }

    fn open_last(&self, name: &OsString, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        Ok(openat(self.here(), name.as_os_str(), flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode)?)
    }

    fn take(&mut self, name: OsString) -> io::Result<Step> {
        match name.as_bytes() {
            b"." => return Ok(Step::Moved),
            b".." => return self.up().map(|()| Step::Moved),
            _ => {}
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match openat(self.here(), name.as_os_str(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(Step::Missing(name)),
            Err(errno) => return Err(errno.into()),
        };
        match FileType::from_raw_mode(fstat(&fd)?.st_mode) {
            FileType::Directory => {
                self.here = Some(fd);
                self.names.push(name);
                Ok(Step::Moved)
            }
            FileType::Symlink => self.follow(&fd).map(|()| Step::Moved),
            _ => Ok(Step::Leaf(name)),
        }
    }

    fn follow(&mut self, link: &OwnedFd) -> io::Result<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        let target = readlinkat(link, "", Vec::new())?.into_bytes();
        if target.is_empty() {
            return Err(Errno::NOENT.into());
        }
        let target = PathBuf::from(OsString::from_vec(target));
        if target.has_root() {
            self.here = None;
            self.names.clear();
        }
        self.prepend(&target)
    }

    fn prepend(&mut self, path: &Path) -> io::Result<()> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.ends_with(b"/") && !self.rest.iter().any(|name| name != ".") {
            self.rest.push_front(OsString::from("."));
        }
        for name in bytes.split(|&byte| byte == b'/').rev().filter(|name| !name.is_empty()) {
            self.rest.push_front(OsString::from_vec(name.to_vec()));
        }
        if self.rest.len() > MAX_COMPONENTS { Err(Errno::NAMETOOLONG.into()) } else { Ok(()) }
    }

    /// Goes to the parent by going down again from the root.
    fn up(&mut self) -> io::Result<()> {
        self.names.pop();
        self.here = None;
        for name in &self.names {
            let next = openat(self.here(), name.as_os_str(), DIRECTORY, Mode::empty())?;
            self.here = Some(next);
        }
        Ok(())
    }

    fn make(
        &mut self,
        name: OsString,
        mode: Mode,
        made: &mut dyn FnMut(BorrowedFd<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let fresh = match mkdirat(self.here(), name.as_os_str(), mode) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(errno.into()),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(self.here(), name.as_os_str(), flags, Mode::empty())?;
        if fresh {
            made(std::os::fd::AsFd::as_fd(&fd))?;
        }
        self.here = Some(fd);
        self.names.push(name);
        Ok(())
    }
}
