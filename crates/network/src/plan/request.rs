//! What is asked for, and what is there already.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::NetworkSpec;

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
    /// The host's resolvers: no subnet from the pools hides them.
    pub resolvers: Vec<IpAddr>,
}
