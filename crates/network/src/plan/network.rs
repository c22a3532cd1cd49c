//! From a user's request to a [`NetworkSpec`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::{NetworkId, NetworkSpec, ParseInterfaceNameError};

/// A network as the user asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRequest {
    /// Name.
    pub name: String,
    /// Subnets asked for; an IPv4 subnet is added from the pools when none is named.
    pub subnets: Vec<SubnetRequest>,
    /// Whether an IPv6 subnet is added when none is named.
    pub enable_ipv6: bool,
    /// No way out nor in.
    pub internal: bool,
    /// Driver options (`com.docker.network.bridge.name`, `com.docker.network.driver.mtu`, …).
    pub options: BTreeMap<String, String>,
}

/// One entry of the user's `ipam` configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetRequest {
    /// The subnet; `None` takes one from the pools.
    pub subnet: Option<IpNet>,
    /// The bridge's address; the first of the subnet by default.
    pub gateway: Option<IpAddr>,
    /// Where automatic addresses come from.
    pub ip_range: Option<IpNet>,
    /// Addresses never given out, by name.
    pub auxiliary: BTreeMap<String, IpAddr>,
}

/// A route of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRoute {
    /// Where it leads; never a default route.
    pub destination: IpNet,
    /// The interface.
    pub interface: String,
}

/// What a new network has to keep clear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occupied {
    /// The host's routes.
    pub routes: Vec<HostRoute>,
    /// Networks that exist already.
    pub networks: Vec<NetworkSpec>,
}

/// A network cannot be made as asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanNetworkError {
    /// The subnet meets one of the host's routes.
    #[error(
        "network {network}: subnet {subnet} collides with the host's route {route} on interface {interface}"
    )]
    CollidesWithRoute {
        /// The network asked for.
        network: String,
        /// Its subnet.
        subnet: IpNet,
        /// The route.
        route: IpNet,
        /// The route's interface.
        interface: String,
    },
    /// The subnet meets another network's.
    #[error("network {network}: subnet {subnet} collides with {other_subnet} of network {other}")]
    CollidesWithNetwork {
        /// The network asked for.
        network: String,
        /// Its subnet.
        subnet: IpNet,
        /// The other network's subnet.
        other_subnet: IpNet,
        /// The other network.
        other: String,
    },
    /// Two subnets of one family.
    #[error("network {network}: more than one subnet of the family of {subnet}")]
    SecondSubnet {
        /// The network asked for.
        network: String,
        /// The second subnet.
        subnet: IpNet,
    },
    /// The subnet has no room for a gateway and a container, or is no unicast range.
    #[error("network {network}: subnet {subnet} cannot hold containers")]
    UnusableSubnet {
        /// The network asked for.
        network: String,
        /// The subnet.
        subnet: IpNet,
    },
    /// An address of the request lies outside its subnet.
    #[error("network {network}: {what} {address} is not inside subnet {subnet}")]
    OutsideSubnet {
        /// The network asked for.
        network: String,
        /// `gateway`, `ip_range` or `aux address <name>`.
        what: String,
        /// The address or range.
        address: String,
        /// The subnet.
        subnet: IpNet,
    },
    /// A gateway, range or auxiliary address without a subnet to be in.
    #[error("network {network}: {what} needs a subnet")]
    NeedsSubnet {
        /// The network asked for.
        network: String,
        /// `gateway`, `ip_range` or `aux address <name>`.
        what: String,
    },
    /// Every pool is used up.
    #[error("network {network}: no free subnet is left in the address pools")]
    PoolsExhausted {
        /// The network asked for.
        network: String,
    },
    /// A bridge of that name belongs to another network.
    #[error("network {network}: bridge {bridge} already belongs to network {other}")]
    BridgeTaken {
        /// The network asked for.
        network: String,
        /// The bridge.
        bridge: String,
        /// Its owner.
        other: String,
    },
    /// The bridge's name cannot be an interface name.
    #[error("network {network}: option com.docker.network.bridge.name")]
    BridgeName {
        /// The network asked for.
        network: String,
        /// What is wrong with it.
        #[source]
        source: ParseInterfaceNameError,
    },
    /// A driver option has a value that means nothing.
    #[error("network {network}: option {option} cannot be {value:?}")]
    BadOption {
        /// The network asked for.
        network: String,
        /// The option.
        option: String,
        /// Its value.
        value: String,
    },
}

/// Plans a network: fills in subnets from the pools, gateways, the bridge's name and the options.
///
/// # Errors
/// See [`PlanNetworkError`]; nothing is changed anywhere.
pub fn plan_network(
    id: NetworkId,
    request: &NetworkRequest,
    occupied: &Occupied,
) -> Result<NetworkSpec, PlanNetworkError> {
    let _ = (id, request, occupied);
    todo!()
}
