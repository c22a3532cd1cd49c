//! The socket that holds a port over IPv6.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tokio::net::{TcpListener, UdpSocket};

use super::held::Held;
use crate::model::Protocol;

/// The socket that holds a port over IPv6, and listens.
#[derive(Debug)]
pub(super) enum Listening {
    /// Bound, and not served yet.
    Idle(OwnedFd),
    /// Given to the runtime.
    Streams(Held<TcpListener>),
    /// Given to the runtime.
    Datagrams(Held<UdpSocket>),
}

impl Listening {
    /// The socket as the runtime's, under a descriptor that no task of an earlier target waits for.
    pub(super) fn given_to_runtime(self, protocol: Protocol) -> io::Result<Self> {
        let socket = match &self {
            Self::Idle(socket) => socket.try_clone(),
            Self::Streams(listener) => again(listener),
            Self::Datagrams(socket) => again(socket),
        }?;
        self.close();
        match protocol {
            Protocol::Tcp => Ok(Self::Streams(Held::new(TcpListener::from_std(socket.into())?))),
            Protocol::Udp => Ok(Self::Datagrams(Held::new(UdpSocket::from_std(socket.into())?))),
        }
    }

    /// Takes it away from the tasks that use it.
    pub(super) fn close(&self) {
        match self {
            Self::Idle(_) => {}
            Self::Streams(listener) => listener.close(),
            Self::Datagrams(socket) => socket.close(),
        }
    }
}

fn again<T: AsFd>(socket: &Held<T>) -> io::Result<OwnedFd> {
    let cloned = socket.with(|socket| socket.as_fd().try_clone_to_owned());
    cloned.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
}
