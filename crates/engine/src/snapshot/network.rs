use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use time::OffsetDateTime;

use crate::id::{ContainerId, EndpointId, NetworkId};
use crate::op::{IpamPool, NetworkDriver};

/// A network.
#[derive(Debug, Clone)]
pub struct NetworkSnapshot {
    /// Its id.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// Its driver.
    pub driver: NetworkDriver,
    /// It has no way out.
    pub internal: bool,
    /// Docker's `Attachable`, kept.
    pub attachable: bool,
    /// It has IPv6 addresses.
    pub enable_ipv6: bool,
    /// Its subnets.
    pub pools: Vec<IpamPool>,
    /// Driver options.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its bridge's interface name.
    pub bridge: Option<String>,
    /// The running containers in it.
    pub members: Vec<NetworkMember>,
}

/// A running container in a network.
#[derive(Debug, Clone)]
pub struct NetworkMember {
    /// The container.
    pub container: ContainerId,
    /// Its name.
    pub name: String,
    /// Its place.
    pub endpoint: EndpointId,
    /// Hardware address.
    pub mac: Option<String>,
    /// IPv4 address and length of its prefix.
    pub ipv4: Option<(Ipv4Addr, u8)>,
    /// IPv6 address and length of its prefix.
    pub ipv6: Option<(Ipv6Addr, u8)>,
}
