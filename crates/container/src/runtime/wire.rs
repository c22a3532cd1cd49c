//! What the child tells the process that made it, and the other way round.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};

use super::error::CreateError;

/// From the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// Something could not be had.
    Warning(String),
    /// It is over.
    Failed(Failure),
    /// The user namespace wants its mappings; [`Reply::Go`] is awaited.
    Mappings,
    /// The hooks of the runtime's side are due; [`Reply::Go`] is awaited.
    Hooks,
    /// The master end of the terminal comes along.
    Console,
    /// The process that goes on is this one, in the parent's pid namespace.
    Pid(i32),
    /// Only [`Reply::Start`] is missing.
    Ready,
}

/// From the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// Goes on; the child's process id is this one.
    Go(i32),
    /// Executes the program.
    Start,
}

/// A [`CreateError`] on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failure {
    CommandNotFound { program: String, reason: String },
    NotExecutable { program: String, reason: String },
    InvalidSpec(String),
    Step { step: String, errno: i32 },
    Path { what: String, path: PathBuf, errno: i32 },
    Hook { point: String, path: PathBuf, reason: String },
}

/// Longest message; longer texts are cut.
const LONGEST: usize = 32 * 1024;

/// One end of the connection between a child and its maker. It keeps message boundaries.
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

impl Channel {
    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(ours), Self(theirs)))
    }

    /// Sends with `write(2)`, which the strictest system call filter still lets through.
    pub(super) fn send(&self, message: &impl Serialize) -> io::Result<()> {
        rustix::io::write(&self.0, &serde_json::to_vec(message)?)?;
        Ok(())
    }

    pub(super) fn send_with(&self, message: &impl Serialize, fd: BorrowedFd<'_>) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [fd];
        control.push(SendAncillaryMessage::ScmRights(&fds));
        sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next message with the descriptor that came along; `None` when the other end is closed.
    pub(super) fn receive<T: for<'a> Deserialize<'a>>(&self) -> io::Result<Option<(T, Option<OwnedFd>)>> {
        let mut bytes = vec![0; LONGEST * 2];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let length = loop {
            let mut slices = [IoSliceMut::new(&mut bytes)];
            match recvmsg(&self.0, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                // The other end was closed with something of ours unread.
                Err(Errno::CONNRESET) => return Ok(None),
                other => break other?.bytes,
            }
        };
        if length == 0 {
            return Ok(None);
        }
        let fds = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        let fd = fds.last();
        Ok(Some((serde_json::from_slice(&bytes[..length])?, fd)))
    }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

fn cut(mut text: String) -> String {
    let end = (0..=text.len().min(LONGEST / 4)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::CommandNotFound { program, reason } => {
                Self::CommandNotFound { program: cut(program), reason: cut(reason) }
            }
            CreateError::NotExecutable { program, reason } => {
                Self::NotExecutable { program: cut(program), reason: cut(reason) }
            }
            CreateError::InvalidSpec(what) => Self::InvalidSpec(cut(what)),
            CreateError::Step { step, source } => Self::Step { step: cut(step), errno: errno(&source) },
            CreateError::Path { what, path, source } => {
                Self::Path { what: cut(what), path, errno: errno(&source) }
            }
            CreateError::Hook { point, path, reason } => Self::Hook { point, path, reason: cut(reason) },
            CreateError::Cgroup(error) => Self::Step {
                step: format!("control group: {error}"),
                errno: std::error::Error::source(&error)
                    .and_then(|source| source.downcast_ref::<io::Error>())
                    .map_or(libc::EIO, errno),
            },
            CreateError::Died => Self::InvalidSpec(error.to_string()),
        }
    }
}

impl From<Failure> for CreateError {
    fn from(failure: Failure) -> Self {
        let io = io::Error::from_raw_os_error;
        match failure {
            Failure::CommandNotFound { program, reason } => Self::CommandNotFound { program, reason },
            Failure::NotExecutable { program, reason } => Self::NotExecutable { program, reason },
            Failure::InvalidSpec(what) => Self::InvalidSpec(what),
            Failure::Step { step, errno } => Self::Step { step, source: io(errno) },
            Failure::Path { what, path, errno } => Self::Path { what, path, source: io(errno) },
            Failure::Hook { point, path, reason } => Self::Hook { point, path, reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn messages_keep_their_boundaries_and_descriptors() {
        let (ours, theirs) = Channel::pair().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        theirs.send(&Message::Warning("a".into())).unwrap();
        theirs.send_with(&Message::Console, read.as_fd()).unwrap();
        drop(theirs);
        assert!(matches!(ours.receive().unwrap(), Some((Message::Warning(text), None)) if text == "a"));
        let Some((Message::Console, Some(got))) = ours.receive().unwrap() else { panic!("no descriptor") };
        rustix::io::write(&write, b"x").unwrap();
        let mut byte = [0];
        std::fs::File::from(got).read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        assert!(ours.receive::<Message>().unwrap().is_none());
    }

    #[test]
    fn an_error_arrives_as_it_was() {
        let error =
            CreateError::Step { step: "mount".into(), source: io::Error::from_raw_os_error(libc::EPERM) };
        let sent = serde_json::to_string(&Failure::from(error)).unwrap();
        let back = CreateError::from(serde_json::from_str::<Failure>(&sent).unwrap());
        let CreateError::Step { step, source } = back else { panic!("{back}") };
        assert_eq!((step.as_str(), source.raw_os_error()), ("mount", Some(libc::EPERM)));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ä".repeat(LONGEST)).len(), LONGEST / 4);
    }
}
