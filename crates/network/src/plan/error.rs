//! Why a network or an address cannot be had.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::ParseInterfaceNameError;

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
    /// One address has two purposes.
    #[error("network {network}: {what} {address} is also the gateway")]
    AlsoGateway {
        /// The network asked for.
        network: String,
        /// `aux address <name>`.
        what: String,
        /// The address.
        address: IpAddr,
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

/// An endpoint cannot have the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not inside the subnet.
    #[error("address {address} is outside subnet {subnet} of network {network}")]
    OutsideSubnet {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: IpNet,
        /// The network's name.
        network: String,
    },
    /// The network has no subnet of that family.
    #[error("address {address}: network {network} has no subnet of that family")]
    NoSubnet {
        /// The address.
        address: IpAddr,
        /// The network's name.
        network: String,
    },
    /// The network's own or its broadcast address.
    #[error("address {address} of network {network} cannot be given to a container")]
    Unusable {
        /// The address.
        address: IpAddr,
        /// The network's name.
        network: String,
    },
    /// Somebody has it.
    #[error("address {address} of network {network} is taken by {owner}")]
    Taken {
        /// The address.
        address: IpAddr,
        /// The network's name.
        network: String,
        /// Who has it: an owner given to [`AddressPool::lease`], `the gateway`, ….
        owner: String,
    },
    /// No automatic address is left.
    #[error("no free address is left in {range} of network {network}")]
    Exhausted {
        /// The range searched.
        range: IpNet,
        /// The network's name.
        network: String,
    },
}
