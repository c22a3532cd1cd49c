//! Why a port cannot be had.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::PortHolder;
use crate::model::Protocol;

/// A port cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// Somebody has it.
    #[error("port {}:{port}/{protocol} is already taken{}", shown(host_ip), by(holder))]
    Taken {
        /// Host address.
        host_ip: Option<IpAddr>,
        /// The port.
        port: u16,
        /// Protocol.
        protocol: Protocol,
        /// Who has it, when that could be found out.
        holder: Option<PortHolder>,
    },
    /// Somebody has each of a range.
    #[error(
        "every port of {}:{}-{}/{protocol} is already taken",
        shown(host_ip), ports.start(), ports.end()
    )]
    RangeTaken {
        /// Host address.
        host_ip: Option<IpAddr>,
        /// The ports.
        ports: RangeInclusive<u16>,
        /// Protocol.
        protocol: Protocol,
    },
    /// The host has no such address, or the kernel refuses for another reason.
    #[error("cannot bind port {}:{port}/{protocol}", shown(host_ip))]
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

fn by(holder: &Option<PortHolder>) -> String {
    match holder {
        None => String::new(),
        // The engine holds the ports of its containers.
        Some(holder) if holder.pid == std::process::id() => {
            " by another container: `berth ps` shows which".to_owned()
        }
        Some(holder) => format!(" by {} (pid {})", holder.name, holder.pid),
    }
}

fn shown(address: &Option<IpAddr>) -> String {
    match address {
        None => "*".to_owned(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(IpAddr::V6(v6)) => format!("[{v6}]"),
    }
}
