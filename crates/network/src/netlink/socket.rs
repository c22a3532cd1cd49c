//! A netlink socket and the exchange over it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{Protocol, RecvFlags, SendFlags};

use super::{Batch, find, flags, messages, string};
use crate::sys;

const MESSAGE_ERROR: u16 = 2;
const MESSAGE_DONE: u16 = 3;
const FIRST_ANSWER_TYPE: u16 = 16;
const ANSWER_BYTES: usize = 64 * 1024;
const SEND_BYTES: usize = 8 * 1024 * 1024;

/// The kernel refuses a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// What was asked for.
    pub(crate) what: &'static str,
    /// Position of the request in its batch.
    pub(crate) index: usize,
    /// The error number.
    pub(crate) errno: i32,
    /// The kernel's own words, if it has any.
    pub(crate) text: Option<String>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, io::Error::from_raw_os_error(self.errno))?;
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        let kind = io::Error::from_raw_os_error(refused.errno).kind();
        io::Error::new(kind, refused)
    }
}

/// The error number behind an error of this module, whichever way it came.
pub(crate) fn errno(error: &io::Error) -> Option<i32> {
    let refused = error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>());
    refused.map(|refused| refused.errno).or_else(|| error.raw_os_error())
}

/// A netlink socket of the namespace in which it was opened, wherever it is used.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    next: Mutex<u32>,
    port: u32,
}

impl Socket {
    /// For links, addresses and routes.
    pub(crate) fn route() -> io::Result<Self> {
        Self::open(None)
    }

    /// For nf_tables and connection tracking.
    pub(crate) fn netfilter() -> io::Result<Self> {
        Self::open(Some(rustix::net::netlink::NETFILTER))
    }

    fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let fd = sys::netlink_socket(protocol, 0)?;
        // Best effort: without it a very large batch is refused with ENOBUFS or EMSGSIZE.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size_force(&fd, SEND_BYTES);
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&fd, SEND_BYTES);
        let name = rustix::net::getsockname(&fd)?;
        let port = SocketAddrNetlink::try_from(name).map_or(0, |address| address.pid());
        Ok(Self { fd, next: Mutex::new(1), port })
    }

    /// The port under which the kernel reports changes made over this socket.
    pub(crate) fn port(&self) -> u32 {
        self.port
    }

    /// Sends a batch in which every request stands for itself; all are tried, and the errors come back in order.
    pub(crate) fn send_each(&self, batch: &mut Batch) -> io::Result<Vec<Refused>> {
        let mut errors = Vec::new();
        self.exchange(batch, |answer| {
            if let Answer::Refused(refused) = answer {
                errors.push(refused);
            }
        })?;
        errors.sort_by_key(|refused| refused.index);
        Ok(errors)
    }

    /// Sends a batch; the first error is the result.
    pub(crate) fn send(&self, batch: &mut Batch) -> io::Result<()> {
        match self.send_each(batch)?.into_iter().next() {
            Some(refused) => Err(refused.into()),
            None => Ok(()),
        }
    }

    /// Sends one request that lists things, and calls `each` with type and payload of every answer.
    pub(crate) fn list(&self, batch: &mut Batch, mut each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        let mut refused = None;
        self.exchange(batch, |answer| match answer {
            Answer::Data(kind, payload) => each(kind, payload),
            Answer::Refused(error) => refused = refused.take().or(Some(error)),
        })?;
        refused.map_or(Ok(()), |error| Err(error.into()))
    }

    fn exchange(&self, batch: &mut Batch, mut each: impl FnMut(Answer<'_>)) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *next;
        *next = first.wrapping_add(batch.len() as u32);
        batch.flag_last(flags::ACK);
        let bytes = batch.numbered(first);
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.fd, bytes, SendFlags::empty(), &kernel)?;
        let mut buffer = vec![0; ANSWER_BYTES];
        while let Some(length) = self.receive(&mut buffer)? {
            read_answers(&buffer[..length], first, batch, &mut each);
        }
        Ok(())
    }

    /// The kernel answers within `sendto`: an empty queue means that all is said. A listing refills it whenever it
    /// is read.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match rustix::net::recv(&self.fd, &mut *buffer, RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
                Ok((_, length)) if length > buffer.len() => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "netlink answer is cut off"));
                }
                Ok((length, _)) => return Ok(Some(length)),
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

enum Answer<'a> {
    Data(u16, &'a [u8]),
    Refused(Refused),
}

fn read_answers(bytes: &[u8], first: u32, batch: &Batch, each: &mut impl FnMut(Answer<'_>)) {
    for message in messages(bytes) {
        let index = message.seq.wrapping_sub(first) as usize;
        match message.kind {
            MESSAGE_ERROR | MESSAGE_DONE => {
                if let Some(refused) = refusal(message.kind, message.payload, index, batch) {
                    each(Answer::Refused(refused));
                }
            }
            kind if kind >= FIRST_ANSWER_TYPE && index < batch.len() => {
                each(Answer::Data(kind, message.payload))
            }
            _ => {}
        }
    }
}

fn refusal(kind: u16, payload: &[u8], index: usize, batch: &Batch) -> Option<Refused> {
    let code = i32::from_ne_bytes(payload.get(..4)?.try_into().ok()?);
    if code >= 0 {
        return None;
    }
    let text = (kind == MESSAGE_ERROR).then(|| kernel_words(payload)).flatten();
    Some(Refused { what: batch.what(index), index, errno: -code, text })
}

/// The text that the kernel adds behind the refused request's header (the request itself is left out, as the
/// socket asks for).
fn kernel_words(payload: &[u8]) -> Option<String> {
    const MESSAGE_TEXT: u16 = 1;
    find(payload.get(20..)?, MESSAGE_TEXT).map(string)
}

/// Subscribes to a multicast group (1 to 32) of netfilter.
pub(crate) fn subscribe_netfilter(group: u32) -> io::Result<OwnedFd> {
    sys::netlink_socket(Some(rustix::net::netlink::NETFILTER), 1 << (group - 1))
}
