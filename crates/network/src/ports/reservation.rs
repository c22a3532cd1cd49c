//! Ports are reserved by holding sockets bound to them.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::task::AbortHandle;

use super::bind::{Bound, bind};
use super::listening::Listening;
use super::{ReserveError, holder, proxy};
use crate::model::{PortRequest, PublishedPort};

/// Sockets bound to host ports. While it lives nobody else can bind them; dropping it gives them back.
#[derive(Debug)]
pub struct PortReservation {
    ports: Vec<PublishedPort>,
    bound: Vec<Bound>,
    tasks: Vec<AbortHandle>,
}

/// Where the proxy for connections that rules cannot serve leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyTarget {
    /// The container's address.
    pub address: IpAddr,
}

impl PortReservation {
    /// Binds every port asked for; all or nothing. The result's [`PortReservation::ports`] are in the order of the
    /// requests, one each.
    ///
    /// # Errors
    /// [`ReserveError::Taken`] names the first port that cannot be had, and who has it.
    pub fn reserve(requests: &[PortRequest]) -> Result<Self, ReserveError> {
        let mut reservation = Self { ports: Vec::new(), bound: Vec::new(), tasks: Vec::new() };
        for request in requests {
            let bound = first_free(request)?;
            reservation.ports.push(PublishedPort {
                host_ip: request.host_ip,
                host_port: bound.port,
                container_port: request.container_port,
                protocol: request.protocol,
            });
            reservation.bound.push(bound);
        }
        Ok(reservation)
    }

    /// Binds the ports of a container that ran before this engine did.
    ///
    /// # Errors
    /// As [`PortReservation::reserve`].
    pub fn adopt(ports: &[PublishedPort]) -> Result<Self, ReserveError> {
        let request = |port: &PublishedPort| PortRequest {
            host_ip: port.host_ip,
            host_ports: port.host_port..=port.host_port,
            container_port: port.container_port,
            protocol: port.protocol,
        };
        Self::reserve(&ports.iter().map(request).collect::<Vec<_>>())
    }

    /// The ports, decided.
    pub fn ports(&self) -> &[PublishedPort] {
        &self.ports
    }

    /// Serves connections that rules cannot carry (over IPv6 to a container without IPv6) by passing them on, on
    /// the current tokio runtime, until the reservation is dropped or served with another target. Does nothing for
    /// ports that need none.
    ///
    /// # Errors
    /// The sockets cannot be given to the runtime.
    pub fn serve(&mut self, target: ProxyTarget) -> io::Result<()> {
        self.tasks.drain(..).for_each(|task| task.abort());
        for (port, bound) in self.ports.iter().zip(&mut self.bound) {
            let Some(socket) = bound.ipv6.take() else { continue };
            let socket = bound.ipv6.insert(socket.given_to_runtime(port.protocol)?);
            let target = SocketAddr::new(target.address, port.container_port);
            self.tasks.extend(spawn(socket, target));
        }
        Ok(())
    }
}

impl Drop for PortReservation {
    fn drop(&mut self) {
        self.bound.iter().filter_map(|bound| bound.ipv6.as_ref()).for_each(Listening::close);
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn spawn(socket: &Listening, target: SocketAddr) -> Option<AbortHandle> {
    let task = match socket {
        Listening::Idle(_) => return None,
        Listening::Streams(listener) => tokio::spawn(proxy::streams(listener.clone(), target)),
        Listening::Datagrams(socket) => tokio::spawn(proxy::datagrams(socket.clone(), target)),
    };
    Some(task.abort_handle())
}

/// The first port of the request that nobody has.
fn first_free(request: &PortRequest) -> Result<Bound, ReserveError> {
    let PortRequest { host_ip, protocol, .. } = *request;
    let (first, last) = (*request.host_ports.start(), *request.host_ports.end());
    for port in first..=last {
        match bind(host_ip, port, protocol) {
            Ok(bound) => return Ok(bound),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(source) => return Err(ReserveError::Bind { host_ip, port, protocol, source }),
        }
    }
    match first == last {
        true => {
            let holder = holder::find(host_ip, first, protocol);
            Err(ReserveError::Taken { host_ip, port: first, protocol, holder })
        }
        false => Err(ReserveError::RangeTaken { host_ip, ports: first..=last, protocol }),
    }
}
