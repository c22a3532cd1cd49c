//! The container's standard streams, seen from the shim.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::protocol::StdinPolicy;
use crate::runtime::Stdio;

/// The shim's ends.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Writes to standard input, non-blocking.
    pub(super) stdin: Option<OwnedFd>,
    /// Reads standard output, non-blocking; with a terminal its master.
    pub(super) stdout: Option<OwnedFd>,
    /// Reads standard error, non-blocking.
    pub(super) stderr: Option<OwnedFd>,
}

/// Makes pipes: what the container gets, and what the shim keeps.
pub(super) fn pipes(policy: StdinPolicy) -> io::Result<(Stdio, Ends)> {
    let (stdin, our_stdin) = match policy {
        StdinPolicy::Closed => (open_null()?, None),
        StdinPolicy::Open | StdinPolicy::Once => {
            let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
            (theirs, Some(nonblocking(ours)?))
        }
    };
    let (our_stdout, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (our_stderr, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    let ends = Ends {
        stdin: our_stdin,
        stdout: Some(nonblocking(our_stdout)?),
        stderr: Some(nonblocking(our_stderr)?),
    };
    Ok((Stdio::Fds { stdin, stdout, stderr }, ends))
}

/// The shim's ends of a terminal, by its master.
pub(super) fn terminal(master: OwnedFd, policy: StdinPolicy) -> io::Result<Ends> {
    let master = nonblocking(master)?;
    let stdin = match policy {
        StdinPolicy::Closed => None,
        StdinPolicy::Open | StdinPolicy::Once => Some(rustix::io::fcntl_dupfd_cloexec(&master, 3)?),
    };
    Ok(Ends { stdin, stdout: Some(master), stderr: None })
}

fn open_null() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
    Ok(fd)
}
