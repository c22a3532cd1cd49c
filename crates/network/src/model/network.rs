//! What a network is once it is planned.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::{InterfaceName, NetworkId};

/// A planned bridge network: every default filled in. Made by [`crate::plan::plan_network`] and kept in the engine's
/// records; the kernel objects are a function of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// Identifier; the bridge and the link group are derived from it.
    pub id: NetworkId,
    /// The user's name, used in messages and in reverse DNS answers.
    pub name: String,
    /// At most one IPv4 and one IPv6 subnet.
    pub subnets: Vec<Subnet>,
    /// No way out, no way in, no default route, no published ports.
    #[serde(default)]
    pub internal: bool,
    /// Whether its containers may talk to each other (`com.docker.network.bridge.enable_icc`).
    #[serde(default = "yes")]
    pub icc: bool,
    /// Whether outgoing connections take the host's address (`com.docker.network.bridge.enable_ip_masquerade`).
    #[serde(default = "yes")]
    pub masquerade: bool,
    /// MTU asked for; `None` takes the uplink's when the bridge is made.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// Host address for ports published without one (`com.docker.network.bridge.host_binding_ipv4`); whoever makes a
    /// [`PortRequest`](crate::PortRequest) fills it in.
    #[serde(default)]
    pub host_binding: Option<IpAddr>,
    /// Name of the bridge.
    pub bridge: InterfaceName,
    /// The driver options as the user wrote them, for `inspect`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// One subnet of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The addresses of the network.
    pub net: IpNet,
    /// The bridge's own address, the containers' way out.
    pub gateway: IpAddr,
    /// Automatic addresses come from here; `None` means the whole subnet.
    #[serde(default)]
    pub ip_range: Option<IpNet>,
    /// Addresses never given out, by the user's name for them.
    #[serde(default)]
    pub auxiliary: BTreeMap<String, IpAddr>,
}

impl NetworkSpec {
    /// The IPv4 subnet, if there is one.
    pub fn ipv4(&self) -> Option<(Ipv4Net, Ipv4Addr)> {
        self.subnets.iter().find_map(|subnet| match (subnet.net, subnet.gateway) {
            (IpNet::V4(net), IpAddr::V4(gateway)) => Some((net, gateway)),
            _ => None,
        })
    }

    /// The IPv6 subnet, if there is one.
    pub fn ipv6(&self) -> Option<(Ipv6Net, Ipv6Addr)> {
        self.subnets.iter().find_map(|subnet| match (subnet.net, subnet.gateway) {
            (IpNet::V6(net), IpAddr::V6(gateway)) => Some((net, gateway)),
            _ => None,
        })
    }
}

fn yes() -> bool {
    true
}
