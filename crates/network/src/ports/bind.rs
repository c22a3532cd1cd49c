//! Sockets bound to a host port, for one or both families.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::listening::Listening;
use crate::model::Protocol;

/// Connections that wait to be passed on.
const BACKLOG: i32 = 128;
/// Attempts to find a port that is free in both families, when the kernel chooses.
const CHOICES: usize = 16;

/// The sockets that hold one port.
#[derive(Debug)]
pub(super) struct Bound {
    /// The port.
    pub(super) port: u16,
    /// Holds the port over IPv4. Nothing is ever read from it: rules take packets before they get here, and without
    /// rules a client should be refused, so that it does not listen.
    _ipv4: Option<OwnedFd>,
    /// Holds it over IPv6, and listens: rules do not reach everything there.
    pub(super) ipv6: Option<Listening>,
}

/// Binds a port, 0 for one of the kernel's choice. Without an address it is bound for both families, for one on hosts
/// without IPv6.
pub(super) fn bind(host_ip: Option<IpAddr>, port: u16, protocol: Protocol) -> io::Result<Bound> {
    match host_ip {
        Some(ip @ IpAddr::V4(_)) => {
            let (socket, port) = bind_one(ip, port, protocol)?;
            Ok(Bound { port, _ipv4: Some(socket), ipv6: None })
        }
        Some(ip @ IpAddr::V6(_)) => {
            let (socket, port) = bind_one(ip, port, protocol)?;
            Ok(Bound { port, _ipv4: None, ipv6: Some(Listening::Idle(socket)) })
        }
        None if port != 0 => bind_both(port, protocol),
        None => {
            let mut last = io::Error::from(io::ErrorKind::AddrInUse);
            for _ in 0..CHOICES {
                match bind_both(0, protocol) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                    other => return other,
                }
            }
            Err(last)
        }
    }
}

fn bind_both(port: u16, protocol: Protocol) -> io::Result<Bound> {
    let (ipv4, port) = bind_one(Ipv4Addr::UNSPECIFIED.into(), port, protocol)?;
    let ipv6 = match bind_one(Ipv6Addr::UNSPECIFIED.into(), port, protocol) {
        Ok((socket, _)) => Some(Listening::Idle(socket)),
        Err(error) if lacks_ipv6(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(Bound { port, _ipv4: Some(ipv4), ipv6 })
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

fn bind_one(ip: IpAddr, port: u16, protocol: Protocol) -> io::Result<(OwnedFd, u16)> {
    let family = if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let kind = match protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    match (ip, protocol) {
        // Connections passed on by an engine that is gone do not stand in the way of the next one.
        (IpAddr::V6(_), Protocol::Tcp) => sockopt::set_socket_reuseaddr(&socket, true)?,
        // What arrives while there are no rules is not kept.
        (IpAddr::V4(_), Protocol::Udp) => sockopt::set_socket_recv_buffer_size(&socket, 0)?,
        _ => {}
    }
    if ip.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &SocketAddr::new(ip, port))?;
    if ip.is_ipv6() && protocol == Protocol::Tcp {
        rustix::net::listen(&socket, BACKLOG)?;
    }
    let name = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((socket, name.port()))
}
