//! The sockets of the embedded server, opened inside the container's namespace.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Where containers find their resolver.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// Bound sockets of one container's server.
#[derive(Debug)]
pub(crate) struct DnsSockets {
    /// For datagrams.
    pub(crate) udp: UdpSocket,
    /// For streams.
    pub(crate) tcp: TcpListener,
}

impl DnsSockets {
    /// Opens them in the namespace of the calling thread.
    pub(crate) fn open() -> io::Result<Self> {
        let udp = UdpSocket::bind((ADDRESS, 53))?;
        let tcp = TcpListener::bind((ADDRESS, 53))?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        Ok(Self { udp, tcp })
    }
}
