//! Addresses and interfaces of a container in its networks.

use crate::{
    Engine,
    error::EngineError,
    id::NetworkId,
    records::{ContainerRecord, RunRecord},
    spec::{EndpointSpec, NetworkMode},
};
use network::{Endpoint, InterfaceName, MacAddress, plan::AddressWish};
use std::{collections::BTreeMap, net::IpAddr};

impl Engine {
    /// Decides the container's addresses on each network.
    pub(super) fn lease_endpoints(&self, record: &ContainerRecord) -> Result<Vec<Endpoint>, EngineError> {
        let gateway = self.gateway_network(record);
        let mut state = self.state();
        let mut endpoints = Vec::new();
        for (index, (id, wanted)) in
            sorted_networks(&record.networks, gateway.as_ref()).into_iter().enumerate()
        {
            let pool = state.pools.get_mut(id).ok_or_else(|| EngineError::NoSuchNetwork(id.to_string()))?;
            pool.release(&record.name);
            let leased = pool.lease(&record.name, AddressWish { ipv4: wanted.ipv4, ipv6: wanted.ipv6 })?;
            endpoints.push(Endpoint {
                network: Self::fabric_id(id)?,
                ipv4: leased.ipv4,
                ipv6: leased.ipv6,
                mac: mac_address(wanted, leased.ipv4, leased.ipv6)?,
                ifname: InterfaceName::eth(u16::try_from(index).unwrap_or(u16::MAX)),
                is_default_gateway: gateway.as_ref() == Some(id),
            });
        }
        Ok(endpoints)
    }

    /// The network of the default route: the highest priority, then the container's main network, never an internal one.
    pub(super) fn gateway_network(&self, record: &ContainerRecord) -> Option<NetworkId> {
        let state = self.state();
        let main = match &record.spec.network.mode {
            NetworkMode::Network(name) => state.find_network(name).ok(),
            _ => None,
        };
        let usable = record
            .networks
            .iter()
            .filter(|(id, _)| state.networks.get(*id).is_some_and(|network| !network.spec.internal));
        let best = usable.max_by_key(|(id, wanted)| (wanted.gateway_priority, Some(*id) == main.as_ref()));
        best.map(|(id, _)| id.clone())
    }

    pub(super) fn gateway_of(&self, endpoints: &[Endpoint]) -> Option<IpAddr> {
        let network = endpoints.iter().find(|endpoint| endpoint.is_default_gateway).or(endpoints.first())?;
        let state = self.state();
        let record = state.networks.values().find(|record| record.id.as_str() == network.network.as_str())?;
        record.spec.subnets.first().map(|subnet| subnet.gateway)
    }

    /// Marks the addresses of a container that runs as taken.
    pub(crate) fn retake_addresses(&self, name: &str, run: &RunRecord) {
        let mut state = self.state();
        for endpoint in &run.endpoints {
            let id = state.networks.keys().find(|id| id.as_str() == endpoint.network.as_str()).cloned();
            if let Some(pool) = id.and_then(|id| state.pools.get_mut(&id)) {
                pool.release(name);
                let _ = pool.lease(name, AddressWish { ipv4: endpoint.ipv4, ipv6: endpoint.ipv6 });
            }
        }
    }
}

/// The main network first, so that it is `eth0`; the others by name.
fn sorted_networks<'a>(
    networks: &'a BTreeMap<NetworkId, EndpointSpec>,
    first: Option<&NetworkId>,
) -> Vec<(&'a NetworkId, &'a EndpointSpec)> {
    let mut sorted: Vec<_> = networks.iter().collect();
    sorted.sort_by_key(|(id, _)| Some(*id) != first);
    sorted
}

pub(super) fn mac_address(
    wanted: &EndpointSpec,
    ipv4: Option<std::net::Ipv4Addr>,
    ipv6: Option<std::net::Ipv6Addr>,
) -> Result<MacAddress, EngineError> {
    if let Some(text) = &wanted.mac_address {
        return text.parse().map_err(|error| EngineError::BadParameter(format!("{error}")));
    }
    Ok(match (ipv4, ipv6) {
        (Some(address), _) => MacAddress::for_ipv4(address),
        (None, Some(address)) => MacAddress::for_ipv6(address),
        (None, None) => MacAddress::for_ipv4(std::net::Ipv4Addr::UNSPECIFIED),
    })
}
