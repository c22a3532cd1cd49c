//! Published ports: as asked for, and as reserved.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Transport protocol of a published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// The text names no protocol that can be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a protocol that can be published (tcp, udp)")]
pub struct ParseProtocolError {
    /// What was given.
    pub text: String,
}

impl FromStr for Protocol {
    type Err = ParseProtocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            _ => Err(ParseProtocolError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// One container port that is to be published. Ranges such as `8000-8009:80-89` are expanded by the caller into one
/// request per container port; `8000-8009:80` is one request that may choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRequest {
    /// Host address; `None` means every address of the host, IPv4 and IPv6.
    #[serde(default)]
    pub host_ip: Option<IpAddr>,
    /// Host ports to choose from, the first free one is taken; `0..=0` lets the kernel choose.
    pub host_ports: RangeInclusive<u16>,
    /// Port inside the container.
    pub container_port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// One published port, host port decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedPort {
    /// Host address; `None` means every address of the host, IPv4 and IPv6.
    #[serde(default)]
    pub host_ip: Option<IpAddr>,
    /// Port on the host.
    pub host_port: u16,
    /// Port inside the container.
    pub container_port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// All that one container publishes, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The container's id, the key under which it is taken back.
    pub container: String,
    /// Where IPv4 connections go: the container's address on the network of its default route, by which its answers
    /// leave.
    #[serde(default)]
    pub ipv4: Option<Ipv4Addr>,
    /// Where IPv6 connections go; without it the engine passes them on to the IPv4 address.
    #[serde(default)]
    pub ipv6: Option<Ipv6Addr>,
    /// The ports.
    pub ports: Vec<PublishedPort>,
}
