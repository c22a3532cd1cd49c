use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A network to make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: NetworkDriver,
    /// It has no way out.
    pub internal: bool,
    /// Docker's `Attachable`, kept.
    pub attachable: bool,
    /// It has IPv6 addresses.
    pub enable_ipv6: bool,
    /// Its subnets; empty takes a free one.
    pub pools: Vec<IpamPool>,
    /// Driver options (`com.docker.network.driver.mtu`, `com.docker.network.bridge.name`, …).
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Kinds of networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkDriver {
    /// A bridge of its own.
    #[default]
    Bridge,
    /// The host's network.
    Host,
    /// Nothing but loopback.
    Null,
}

impl NetworkDriver {
    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
        }
    }
}

/// A subnet and what is reserved in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpamPool {
    /// The subnet.
    pub subnet: IpNet,
    /// Part of it that addresses are given out from; none is all.
    pub ip_range: Option<IpNet>,
    /// The bridge's address; none is the first.
    pub gateway: Option<IpAddr>,
    /// Addresses that are not given out, by host name.
    pub auxiliary: BTreeMap<String, IpAddr>,
}
