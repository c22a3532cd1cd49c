//! Addresses of one network's endpoints.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::AddressError;
use super::network::is_host;
use crate::model::{NetworkSpec, Subnet};

/// The addresses of one network: who has which.
#[derive(Clone, Debug)]
pub struct AddressPool {
    network: String,
    families: Vec<Family>,
}

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

impl AddressPool {
    /// The pool of a network in which nobody has an address yet but the gateway and the auxiliary ones.
    pub fn new(spec: &NetworkSpec) -> Self {
        Self { network: spec.name.clone(), families: spec.subnets.iter().map(Family::new).collect() }
    }

    /// Takes one address per family for `owner` (a name that makes sense in a message). Automatic addresses go round
    /// the range, so that one just given back rests. An owner that leases again gets what it has, when the wish
    /// agrees.
    ///
    /// # Errors
    /// See [`AddressError`]; then nothing was taken.
    pub fn lease(&mut self, owner: &str, wish: AddressWish) -> Result<Addresses, AddressError> {
        let wishes: Vec<IpAddr> =
            wish.ipv4.map(IpAddr::V4).into_iter().chain(wish.ipv6.map(IpAddr::V6)).collect();
        for address in &wishes {
            if !self.families.iter().any(|family| family.net.addr().is_ipv4() == address.is_ipv4()) {
                return Err(AddressError::NoSubnet { address: *address, network: self.network.clone() });
            }
        }
        let mut chosen = Vec::new();
        for family in &self.families {
            let wish = wishes.iter().find(|address| address.is_ipv4() == family.net.addr().is_ipv4());
            chosen.push(family.choose(&self.network, owner, wish.copied())?);
        }
        let mut addresses = Addresses::default();
        for (family, address) in self.families.iter_mut().zip(chosen) {
            family.take(owner, address);
            match address {
                IpAddr::V4(v4) => addresses.ipv4 = Some(v4),
                IpAddr::V6(v6) => addresses.ipv6 = Some(v6),
            }
        }
        Ok(addresses)
    }

    /// Gives back all that `owner` has.
    pub fn release(&mut self, owner: &str) {
        for family in &mut self.families {
            family.taken.retain(|_, holder| !matches!(holder, Holder::Owner(name) if name == owner));
        }
    }

    /// Who has `address`.
    pub fn owner(&self, address: IpAddr) -> Option<&str> {
        self.families
            .iter()
            .find_map(|family| family.taken.get(&number(address)).filter(|_| family.net.contains(&address)))
            .map(Holder::name)
    }
}

/// The addresses of one subnet, as numbers so that both families are handled alike.
#[derive(Clone, Debug)]
struct Family {
    net: IpNet,
    range: IpNet,
    taken: BTreeMap<u128, Holder>,
    last: u128,
}

#[derive(Clone, Debug)]
enum Holder {
    Gateway,
    Auxiliary(String),
    Owner(String),
}

impl Holder {
    fn name(&self) -> &str {
        match self {
            Self::Gateway => "the gateway",
            Self::Auxiliary(name) | Self::Owner(name) => name,
        }
    }
}

impl Family {
    fn new(subnet: &Subnet) -> Self {
        let range = subnet.ip_range.unwrap_or(subnet.net);
        let named = subnet
            .auxiliary
            .iter()
            .map(|(name, address)| (number(*address), Holder::Auxiliary(format!("aux address {name}"))));
        let mut taken: BTreeMap<_, _> = named.collect();
        taken.insert(number(subnet.gateway), Holder::Gateway);
        Self { net: subnet.net, range, taken, last: number(range.network()) }
    }

    fn choose(&self, network: &str, owner: &str, wish: Option<IpAddr>) -> Result<IpAddr, AddressError> {
        match wish {
            Some(address) => self.fixed(network, owner, address),
            None => self.current(owner).map_or_else(|| self.automatic(network), Ok),
        }
    }

    fn fixed(&self, network: &str, owner: &str, address: IpAddr) -> Result<IpAddr, AddressError> {
        let network = || network.to_owned();
        if !self.net.contains(&address) {
            return Err(AddressError::OutsideSubnet { address, subnet: self.net, network: network() });
        }
        if !is_host(&self.net, address) {
            return Err(AddressError::Unusable { address, network: network() });
        }
        match self.taken.get(&number(address)) {
            None => Ok(address),
            Some(Holder::Owner(holder)) if holder == owner => Ok(address),
            Some(holder) => {
                Err(AddressError::Taken { address, network: network(), owner: holder.name().to_owned() })
            }
        }
    }

    fn current(&self, owner: &str) -> Option<IpAddr> {
        let mine = |holder: &Holder| matches!(holder, Holder::Owner(name) if name == owner);
        self.taken.iter().find(|(_, holder)| mine(holder)).map(|(key, _)| self.address(*key))
    }

    /// The first free address behind the last one given out, then from the start of the range.
    fn automatic(&self, network: &str) -> Result<IpAddr, AddressError> {
        let (first, end) = (number(self.range.network()), number(self.range.broadcast()));
        let free = |key: &u128| !self.taken.contains_key(key) && is_host(&self.net, self.address(*key));
        let behind = self.last.saturating_add(1)..=end;
        let before = first..=self.last.min(end);
        let found = behind.chain(before).find(free);
        found
            .map(|key| self.address(key))
            .ok_or_else(|| AddressError::Exhausted { range: self.range, network: network.to_owned() })
    }

    fn take(&mut self, owner: &str, address: IpAddr) {
        self.taken.retain(|_, holder| !matches!(holder, Holder::Owner(name) if name == owner));
        self.taken.insert(number(address), Holder::Owner(owner.to_owned()));
        if self.range.contains(&address) {
            self.last = number(address);
        }
    }

    fn address(&self, key: u128) -> IpAddr {
        match self.net {
            IpNet::V4(_) => Ipv4Addr::from(key as u32).into(),
            IpNet::V6(_) => Ipv6Addr::from(key).into(),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

#[cfg(test)]
mod tests;
