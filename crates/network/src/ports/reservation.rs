//! Ports are reserved by holding sockets bound to them.

use std::net::IpAddr;

use crate::model::{PortRequest, Protocol, PublishedPort};

/// Sockets bound to host ports. While it lives nobody else can bind them; dropping it gives them back.
#[derive(Debug)]
pub struct PortReservation {
    ports: Vec<PublishedPort>,
}

/// The process that has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// Process id.
    pub pid: u32,
    /// Its name, from `/proc/<pid>/comm`.
    pub name: String,
}

/// A port cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// Somebody has it.
    #[error(
        "port {}:{port}/{protocol} is already taken{}",
        crate::ports::reservation::shown(host_ip),
        holder.as_ref().map(|h| format!(" by {} (pid {})", h.name, h.pid)).unwrap_or_default()
    )]
    Taken {
        /// Host address.
        host_ip: Option<IpAddr>,
        /// The port, the last one tried of a range.
        port: u16,
        /// Protocol.
        protocol: Protocol,
        /// Who has it, when that could be found out.
        holder: Option<PortHolder>,
    },
    /// The host has no such address, or the kernel refuses for another reason.
    #[error("cannot bind port {}:{port}/{protocol}", crate::ports::reservation::shown(host_ip))]
    Bind {
        /// Host address.
        host_ip: Option<IpAddr>,
        /// The port.
        port: u16,
        /// Protocol.
        protocol: Protocol,
        /// Why.
        #[source]
        source: std::io::Error,
    },
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
        let _ = requests;
        todo!()
    }

    /// Binds the ports of a container that ran before this engine did.
    ///
    /// # Errors
    /// As [`PortReservation::reserve`].
    pub fn adopt(ports: &[PublishedPort]) -> Result<Self, ReserveError> {
        let _ = ports;
        todo!()
    }

    /// The ports, decided.
    pub fn ports(&self) -> &[PublishedPort] {
        &self.ports
    }

    /// Serves connections that rules cannot carry (over IPv6 to a container without IPv6) by passing them on, on
    /// the current tokio runtime, until the reservation is dropped. Does nothing for ports that need none.
    ///
    /// # Errors
    /// The sockets cannot be given to the runtime.
    pub fn serve(&mut self, target: ProxyTarget) -> std::io::Result<()> {
        let _ = target;
        todo!()
    }
}

pub(crate) fn shown(address: &Option<IpAddr>) -> String {
    match address {
        None => "*".to_owned(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(IpAddr::V6(v6)) => format!("[{v6}]"),
    }
}
