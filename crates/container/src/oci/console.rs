//! Handing a terminal to whoever manages the container.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::error::OciError;

/// Sends the master end of a terminal to the socket at `path`, with the name that the protocol wants along.
pub(super) fn send(path: &Path, master: &OwnedFd) -> Result<(), OciError> {
    send_fd(path, master).map_err(OciError::file("send the terminal to", path))
}

fn send_fd(path: &Path, fd: &OwnedFd) -> io::Result<()> {
    let socket = UnixStream::connect(path)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [fd.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg(&socket, &[IoSlice::new(b"/dev/ptmx")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}
