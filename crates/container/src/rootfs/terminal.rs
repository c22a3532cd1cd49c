//! The container's terminal.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use beneath::Root;
use rustix::fs::{Mode, OFlags, fstatfs};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::attach;
use super::mounts::is_character_device;
use super::options::{Depth, Options};
use super::target::{Kind, open_or_make, reopen};

const DEVPTS_MAGIC: i64 = 0x1cd1;

/// Both ends of a terminal in the container's devpts.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// For whoever talks to the container.
    pub master: OwnedFd,
    /// For the container's process.
    pub slave: OwnedFd,
}

impl Terminal {
    /// Makes a terminal in the devpts that is mounted beneath `root`.
    ///
    /// An image or a container can put anything at `/dev/ptmx`, so the multiplexer of `/dev/pts` itself is used,
    /// and only if it is one.
    pub(crate) fn new(root: &Root, size: Option<(u16, u16)>) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW;
        // Looked at before it is opened: opening a device of somebody's choice can have effects.
        let found = root.open_at("/dev/pts/ptmx", OFlags::PATH | OFlags::NOFOLLOW, Mode::empty());
        check(&found.map_err(|error| error.source)?)?;
        let master = root.open_at("/dev/pts/ptmx", flags, Mode::empty()).map_err(|error| error.source)?;
        check(&master)?;
        unlockpt(&master)?;
        let slave = open_slave(root, &master)?;
        if let Some((rows, columns)) = size {
            let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
            tcsetwinsize(&master, size)?;
        }
        Ok(Self { master, slave })
    }

    /// Puts the terminal onto `/dev/console`.
    pub(crate) fn bind_console(&self, root: &Root) -> io::Result<()> {
        let console = Path::new("/dev/console");
        let target = open_or_make(root, console, Kind::File).map_err(|error| error.source)?;
        let options = Options { bind: Some(Depth::One), ..Options::default() };
        attach::bind(self.slave.as_fd(), target.as_fd(), &|| reopen(root, console), &options)
    }
}

fn check(multiplexer: &OwnedFd) -> io::Result<()> {
    let is_devpts = fstatfs(multiplexer)?.f_type as i64 == DEVPTS_MAGIC;
    if is_devpts && is_character_device(multiplexer, 5, 2)? { Ok(()) } else { Err(Errno::NODEV.into()) }
}

/// By its master (Linux 4.13 on), or by its name.
fn open_slave(root: &Root, master: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    match ioctl_tiocgptpeer(master, flags) {
        Ok(slave) => Ok(slave),
        Err(Errno::NOTTY | Errno::INVAL) => by_name(root, master.as_fd()),
        Err(errno) => Err(errno.into()),
    }
}

fn by_name(root: &Root, master: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let name = ptsname(master, Vec::new())?;
    let name = name.to_str().map_err(|_| io::Error::from(Errno::NODEV))?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let slave = root.open_at(name, flags, Mode::empty()).map_err(|error| error.source)?;
    if fstatfs(&slave)?.f_type as i64 == DEVPTS_MAGIC { Ok(slave) } else { Err(Errno::NODEV.into()) }
}
