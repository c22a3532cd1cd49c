//! How a service is reached and what it reaches.

use super::{MacAddress, NetworkKey, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks, ports and name resolution of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Networking {
    /// `network_mode` or `networks`: what the container's interfaces are.
    pub attachment: Attachment,
    /// `ports`, ranges expanded: one entry for each container port.
    pub ports: Vec<Port>,
    /// `expose`, ranges expanded.
    pub expose: Vec<ExposedPort>,
    /// `dns`.
    pub dns: Vec<IpAddr>,
    /// `dns_search`.
    pub dns_search: Vec<String>,
    /// `dns_opt`.
    pub dns_opt: Vec<String>,
    /// `extra_hosts`: host → addresses; `host-gateway` is an address too.
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// `links` to services of the project.
    pub links: Vec<Link>,
    /// `external_links` to containers outside the project, `(container, alias)`.
    pub external_links: Vec<(String, String)>,
    /// `mac_address` of the service (for its first network).
    pub mac_address: Option<MacAddress>,
}

/// What the container's interfaces are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attachment {
    /// Attached to networks of the project.
    Networks(BTreeMap<NetworkKey, ServiceNetwork>),
    /// `network_mode: bridge`: the engine's default bridge.
    Bridge,
    /// `network_mode: host`.
    Host,
    /// `network_mode: none`.
    None,
    /// `network_mode: service:NAME`: shares that service's namespace.
    Service(ServiceName),
    /// `network_mode: container:ID`: shares that container's namespace.
    Container(String),
    /// `network_mode: NAME`: one network of the engine that is not the project's.
    Named(String),
}

impl Default for Attachment {
    fn default() -> Self {
        Self::Networks(BTreeMap::new())
    }
}

impl Attachment {
    /// The project's networks the service is on; none for every other mode.
    pub fn networks(&self) -> impl Iterator<Item = (&NetworkKey, &ServiceNetwork)> {
        match self {
            Self::Networks(networks) => Some(networks.iter()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }
}

/// A service's place on one network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceNetwork {
    /// `aliases` beside the service name.
    pub aliases: Vec<String>,
    /// `ipv4_address`.
    pub ipv4_address: Option<Ipv4Addr>,
    /// `ipv6_address`.
    pub ipv6_address: Option<Ipv6Addr>,
    /// `link_local_ips`.
    pub link_local_ips: Vec<IpAddr>,
    /// `mac_address` on this network.
    pub mac_address: Option<MacAddress>,
    /// `priority`: networks are connected highest first.
    pub priority: i32,
    /// `gw_priority`: the highest one gives the default gateway.
    pub gw_priority: i32,
    /// `interface_name`.
    pub interface_name: Option<String>,
    /// `driver_opts`.
    pub driver_opts: BTreeMap<String, String>,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// One published container port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// `target`: port in the container.
    pub target: u16,
    /// `protocol`.
    #[serde(default)]
    pub protocol: Protocol,
    /// `published`: port on the host, or the range a free one is taken from; absent means any free port.
    #[serde(default)]
    pub published: Option<PortRange>,
    /// `host_ip`; absent means every address of the host.
    #[serde(default)]
    pub host_ip: Option<IpAddr>,
    /// `mode`.
    #[serde(default)]
    pub mode: PortMode,
    /// `name`, for people.
    #[serde(default)]
    pub name: Option<String>,
    /// `app_protocol`, a hint for what speaks above the transport.
    #[serde(default)]
    pub app_protocol: Option<String>,
}

/// A closed range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRange {
    /// First port.
    pub start: u16,
    /// Last port, not before the first.
    pub end: u16,
}

/// `mode` of a published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortMode {
    /// `ingress`, the default.
    #[default]
    Ingress,
    /// `host`.
    Host,
}

/// A port that only the service's networks reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExposedPort {
    /// Port in the container.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// `links`: another service under an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The linked service.
    pub service: ServiceName,
    /// The name it is reached by.
    pub alias: String,
}
