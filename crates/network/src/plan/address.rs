//! Addresses of one network's endpoints.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::NetworkSpec;

/// The addresses of one network: who has which.
#[derive(Clone, Debug)]
pub struct AddressPool {}

/// Addresses an endpoint asks for; `None` is automatic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressWish {
    /// IPv4.
    pub ipv4: Option<Ipv4Addr>,
    /// IPv6.
    pub ipv6: Option<Ipv6Addr>,
}

/// Addresses an endpoint has: one per family that the network has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// IPv4.
    pub ipv4: Option<Ipv4Addr>,
    /// IPv6.
    pub ipv6: Option<Ipv6Addr>,
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

impl AddressPool {
    /// The pool of a network in which nobody has an address yet but the gateway and the auxiliary ones.
    pub fn new(spec: &NetworkSpec) -> Self {
        let _ = spec;
        todo!()
    }

    /// Takes one address per family for `owner` (a name that makes sense in a message). Automatic addresses go round
    /// the range, so that one just given back rests. An owner that leases again gets what it has, when the wish
    /// agrees.
    ///
    /// # Errors
    /// See [`AddressError`]; then nothing was taken.
    pub fn lease(&mut self, owner: &str, wish: AddressWish) -> Result<Addresses, AddressError> {
        let _ = (owner, wish);
        todo!()
    }

    /// Gives back all that `owner` has.
    pub fn release(&mut self, owner: &str) {
        let _ = owner;
        todo!()
    }

    /// Who has `address`.
    pub fn owner(&self, address: IpAddr) -> Option<&str> {
        let _ = address;
        todo!()
    }
}
