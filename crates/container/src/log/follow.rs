//! Knowing when a log may have grown or been rotated.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::inotify;
use rustix::io::Errno;

/// A watch on the directory of a log.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
}

impl Watch {
    /// Watches the directory that `log` is in.
    pub(super) fn new(log: &Path) -> io::Result<Self> {
        let inotify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let dir = log.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let events = inotify::WatchFlags::MODIFY
            | inotify::WatchFlags::CREATE
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::ONLYDIR;
        inotify::add_watch(&inotify, dir, events)?;
        Ok(Self { inotify })
    }

    /// Forgets what has happened until now; says whether anything has.
    pub(super) fn clear(&self) -> io::Result<bool> {
        let mut events = [MaybeUninit::<u8>::uninit(); 4096];
        let mut any = false;
        loop {
            match rustix::io::read(&self.inotify, &mut events) {
                Ok((read, _)) if !read.is_empty() => any = true,
                Ok(_) | Err(Errno::AGAIN) => return Ok(any),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
