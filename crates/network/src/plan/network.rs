//! From a user's request to a [`NetworkSpec`].

use std::net::IpAddr;

use ipnet::IpNet;

use super::pools::{free_ipv4, free_ipv6, overlap};
use super::{NetworkRequest, Occupied, PlanNetworkError, SubnetRequest, options};
use crate::model::{InterfaceName, NetworkId, NetworkSpec, Subnet};

/// Plans a network: fills in subnets from the pools, gateways, the bridge's name and the options.
///
/// # Errors
/// See [`PlanNetworkError`]; nothing is changed anywhere.
pub fn plan_network(
    id: NetworkId,
    request: &NetworkRequest,
    occupied: &Occupied,
) -> Result<NetworkSpec, PlanNetworkError> {
    let planner = Planner { request, occupied };
    let options = options::read(&request.name, &request.options)?;
    Ok(NetworkSpec {
        subnets: planner.subnets(&id)?,
        bridge: planner.bridge(&id)?,
        id,
        name: request.name.clone(),
        internal: request.internal,
        icc: options.icc,
        masquerade: options.masquerade,
        mtu: options.mtu,
        host_binding: options.host_binding,
        options: request.options.clone(),
    })
}

struct Planner<'a> {
    request: &'a NetworkRequest,
    occupied: &'a Occupied,
}

impl Planner<'_> {
    fn name(&self) -> String {
        self.request.name.clone()
    }

    fn bridge(&self, id: &NetworkId) -> Result<InterfaceName, PlanNetworkError> {
        let bridge = match self.request.options.get(options::BRIDGE) {
            None => InterfaceName::bridge_of(id),
            Some(name) => name
                .parse()
                .map_err(|source| PlanNetworkError::BridgeName { network: self.name(), source })?,
        };
        match self.occupied.networks.iter().find(|other| other.bridge == bridge && other.id != *id) {
            None => Ok(bridge),
            Some(other) => Err(PlanNetworkError::BridgeTaken {
                network: self.name(),
                bridge: bridge.to_string(),
                other: other.name.clone(),
            }),
        }
    }

    fn subnets(&self, id: &NetworkId) -> Result<Vec<Subnet>, PlanNetworkError> {
        let mut subnets: Vec<Subnet> = Vec::new();
        for request in &self.request.subnets {
            let net = match request.subnet {
                Some(net) => self.usable(net.trunc())?,
                None => self.pooled_for(request)?,
            };
            if subnets.iter().any(|other| is_ipv6(&other.net) == is_ipv6(&net)) {
                return Err(PlanNetworkError::SecondSubnet { network: self.name(), subnet: net });
            }
            subnets.push(self.subnet(net, request)?);
        }
        if !subnets.iter().any(|subnet| !is_ipv6(&subnet.net)) {
            subnets.insert(0, self.subnet(self.pooled(free_ipv4)?, &SubnetRequest::default())?);
        }
        if self.request.enable_ipv6 && !subnets.iter().any(|subnet| is_ipv6(&subnet.net)) {
            let net = self.pooled(|occupied| free_ipv6(id, occupied))?;
            subnets.push(self.subnet(net, &SubnetRequest::default())?);
        }
        Ok(subnets)
    }

    /// An entry without a subnet may say nothing about addresses in it.
    fn pooled_for(&self, request: &SubnetRequest) -> Result<IpNet, PlanNetworkError> {
        let first_name = request.auxiliary.keys().next();
        let what = match (request.gateway, request.ip_range, first_name) {
            (None, None, None) => return self.pooled(free_ipv4),
            (Some(_), _, _) => "gateway".to_owned(),
            (_, Some(_), _) => "ip_range".to_owned(),
            (_, _, Some(name)) => format!("aux address {name}"),
        };
        Err(PlanNetworkError::NeedsSubnet { network: self.name(), what })
    }

    fn pooled(&self, free: impl Fn(&Occupied) -> Option<IpNet>) -> Result<IpNet, PlanNetworkError> {
        free(self.occupied).ok_or_else(|| PlanNetworkError::PoolsExhausted { network: self.name() })
    }

    fn usable(&self, subnet: IpNet) -> Result<IpNet, PlanNetworkError> {
        let network = self.name();
        if !holds_containers(&subnet) {
            return Err(PlanNetworkError::UnusableSubnet { network, subnet });
        }
        for other in &self.occupied.networks {
            if let Some(taken) = other.subnets.iter().find(|taken| overlap(&subnet, &taken.net)) {
                let (other_subnet, other) = (taken.net, other.name.clone());
                return Err(PlanNetworkError::CollidesWithNetwork { network, subnet, other_subnet, other });
            }
        }
        match self.occupied.routes.iter().find(|route| overlap(&subnet, &route.destination)) {
            None => Ok(subnet),
            Some(route) => {
                let (route, interface) = (route.destination, route.interface.clone());
                Err(PlanNetworkError::CollidesWithRoute { network, subnet, route, interface })
            }
        }
    }

    fn subnet(&self, net: IpNet, request: &SubnetRequest) -> Result<Subnet, PlanNetworkError> {
        if let Some(range) = request.ip_range {
            let inside = net.contains(&range);
            self.require(inside, "ip_range".to_owned(), range.to_string(), net)?;
        }
        for (name, address) in &request.auxiliary {
            let what = format!("aux address {name}");
            self.require(net.contains(address), what, address.to_string(), net)?;
        }
        let gateway = match request.gateway {
            Some(gateway) => gateway,
            None => first_address(&net, request),
        };
        self.require(is_host(&net, gateway), "gateway".to_owned(), gateway.to_string(), net)?;
        if let Some((name, address)) = request.auxiliary.iter().find(|(_, address)| **address == gateway) {
            let (network, what, address) = (self.name(), format!("aux address {name}"), *address);
            return Err(PlanNetworkError::AlsoGateway { network, what, address });
        }
        Ok(Subnet { net, gateway, ip_range: request.ip_range, auxiliary: request.auxiliary.clone() })
    }

    fn require(
        &self,
        held: bool,
        what: String,
        address: String,
        subnet: IpNet,
    ) -> Result<(), PlanNetworkError> {
        match held {
            true => Ok(()),
            false => Err(PlanNetworkError::OutsideSubnet { network: self.name(), what, address, subnet }),
        }
    }
}

fn is_ipv6(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(_))
}

/// Room for the gateway and one container, and addresses that can be routed.
fn holds_containers(net: &IpNet) -> bool {
    let address = net.network();
    let room = net.max_prefix_len() - net.prefix_len() >= 2;
    let zero = matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 0);
    room && !address.is_loopback() && !address.is_multicast() && !address.is_unspecified() && !zero
}

/// Whether an address of the subnet can belong to somebody: not the network's own and not the broadcast address.
pub(super) fn is_host(net: &IpNet, address: IpAddr) -> bool {
    let broadcast = matches!(net, IpNet::V4(v4) if IpAddr::V4(v4.broadcast()) == address);
    net.contains(&address) && net.network() != address && !broadcast
}

fn first_address(net: &IpNet, request: &SubnetRequest) -> IpAddr {
    let named = |address: &IpAddr| request.auxiliary.values().any(|taken| taken == address);
    net.hosts().filter(|address| is_host(net, *address)).find(|address| !named(address)).unwrap_or(net.addr())
}

#[cfg(test)]
mod tests;
