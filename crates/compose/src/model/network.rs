//! Networks of a project.

use super::Origin;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A top-level network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its name in the engine: `name`, or `<project>_<key>`.
    pub name: String,
    /// Where it is declared; the file is empty for the implicit `default` network.
    pub origin: Origin,
    /// `external`: exists already, and is not created or removed.
    #[serde(default)]
    pub external: bool,
    /// `driver`; absent means `bridge`.
    #[serde(default)]
    pub driver: Option<String>,
    /// `driver_opts`.
    #[serde(default)]
    pub driver_opts: BTreeMap<String, String>,
    /// `ipam`.
    #[serde(default)]
    pub ipam: Ipam,
    /// `internal`: no way out.
    #[serde(default)]
    pub internal: bool,
    /// `attachable`.
    #[serde(default)]
    pub attachable: bool,
    /// `enable_ipv4`.
    #[serde(default)]
    pub enable_ipv4: Option<bool>,
    /// `enable_ipv6`.
    #[serde(default)]
    pub enable_ipv6: Option<bool>,
    /// `labels`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl Network {
    /// A network with nothing but a name: a bridge of the engine's choice.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            origin: Origin::default(),
            external: false,
            driver: None,
            driver_opts: BTreeMap::new(),
            ipam: Ipam::default(),
            internal: false,
            attachable: false,
            enable_ipv4: None,
            enable_ipv6: None,
            labels: BTreeMap::new(),
        }
    }
}

/// `ipam`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipam {
    /// `driver`.
    pub driver: Option<String>,
    /// `config`: empty means that the engine picks a free subnet.
    pub pools: Vec<IpamPool>,
    /// `options`.
    pub options: BTreeMap<String, String>,
}

/// One entry of `ipam.config`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamPool {
    /// `subnet`.
    pub subnet: Option<IpNet>,
    /// `ip_range`: where addresses that nobody asked for come from.
    pub ip_range: Option<IpNet>,
    /// `gateway`.
    pub gateway: Option<IpAddr>,
    /// `aux_addresses`: kept free, by host name.
    pub aux_addresses: BTreeMap<String, IpAddr>,
}
