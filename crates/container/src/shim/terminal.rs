//! The size of the container's terminal.

use std::io;
use std::os::fd::OwnedFd;

use rustix::termios::{Winsize, tcsetwinsize};

use super::other;
use crate::protocol::{ConsoleSize, Failure, FailureKind};

/// The terminal, if the process has one.
#[derive(Debug)]
pub(super) struct Terminal {
    wanted: bool,
    master: Option<OwnedFd>,
    size: Option<ConsoleSize>,
}

impl Terminal {
    pub(super) fn new(wanted: bool, size: Option<ConsoleSize>) -> Self {
        Self { wanted, master: None, size }
    }

    /// Takes the terminal's master once it exists, and gives it its size.
    pub(super) fn connect(&mut self, master: Option<&OwnedFd>) -> io::Result<()> {
        if self.wanted
            && let Some(master) = master
        {
            self.master = Some(master.try_clone()?);
            // One of the default size will do.
            let _ = self.apply();
        }
        Ok(())
    }

    /// Changes the size, at once or when the terminal comes to exist.
    pub(super) fn resize(&mut self, size: ConsoleSize) -> Result<(), Failure> {
        if !self.wanted {
            return Err(Failure::message(FailureKind::Conflict, "the process has no terminal"));
        }
        self.size = Some(size);
        self.apply().map_err(|error| other(&error))
    }

    fn apply(&self) -> io::Result<()> {
        let (Some(master), Some(size)) = (&self.master, self.size) else { return Ok(()) };
        let size = Winsize { ws_row: size.height, ws_col: size.width, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(master, size)?)
    }
}
