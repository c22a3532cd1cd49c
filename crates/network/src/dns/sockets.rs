//! The sockets of the embedded server, opened inside the container's namespace.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use crate::firewall::redirect_resolver;

/// Where containers find their resolver.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
const PORT: u16 = 53;
/// Where the server really listens; outside of the range from which clients get their ports.
const HIDDEN_PORTS: [u16; 3] = [61_053, 61_153, 61_253];

/// Bound sockets of one container's server.
#[derive(Debug)]
pub(crate) struct DnsSockets {
    /// For datagrams.
    pub(crate) udp: UdpSocket,
    /// For streams.
    pub(crate) tcp: TcpListener,
}

impl DnsSockets {
    /// Opens them in the namespace of the calling thread: on a port that the container has no use for, with port 53
    /// leading there; where the kernel has no nf_tables, on port 53 itself. In a fresh namespace nobody was before.
    pub(crate) fn open(fresh: bool) -> io::Result<Self> {
        let hidden = HIDDEN_PORTS.into_iter().find_map(|port| Self::hidden(port, fresh).ok());
        hidden.map_or_else(|| Self::bind(PORT), Ok)
    }

    fn hidden(port: u16, fresh: bool) -> io::Result<Self> {
        let sockets = Self::bind(port)?;
        redirect_resolver(ADDRESS, port, fresh)?;
        Ok(sockets)
    }

    fn bind(port: u16) -> io::Result<Self> {
        let udp = UdpSocket::bind((ADDRESS, port))?;
        let tcp = TcpListener::bind((ADDRESS, port))?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        Ok(Self { udp, tcp })
    }
}
