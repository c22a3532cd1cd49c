//! Receiving a terminal from another runtime.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// The socket that a runtime sends the master end of a new terminal to.
#[derive(Debug)]
pub(super) struct Console {
    path: PathBuf,
    listener: UnixListener,
}

impl Console {
    pub(super) fn listen(dir: &Path) -> io::Result<Self> {
        let path = dir.join("console.sock");
        // Bound by its name in the working directory, `dir`; the runtime gets the whole path.
        let listener = UnixListener::bind("console.sock")?;
        // When the runtime has ended with success it has sent the terminal.
        listener.set_nonblocking(true)?;
        Ok(Self { path, listener })
    }

    /// The arguments that tell the runtime about it.
    pub(super) fn args(&self) -> [&Path; 2] {
        [Path::new("--console-socket"), &self.path]
    }

    /// Takes the terminal that has been sent.
    pub(super) fn receive(&self) -> io::Result<OwnedFd> {
        let (socket, _) = self.listener.accept()?;
        let _ = std::fs::remove_file(&self.path);
        let mut name = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        recvmsg(&socket, &mut [IoSliceMut::new(&mut name)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        let mut fds = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        });
        fds.find_map(|mut fds| fds.next()).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
