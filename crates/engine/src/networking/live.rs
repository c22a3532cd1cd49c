//! Joining and leaving networks while the container runs.

use super::{addresses, endpoints::mac_address, ports};
use crate::{
    Engine,
    error::EngineError,
    files,
    id::NetworkId,
    records::{ContainerRecord, Phase, RunRecord},
};
use network::{Endpoint, InterfaceName, Netns, plan::AddressWish};
use std::path::Path;

impl Engine {
    /// Joins a running container to a network it was given a place in.
    pub(crate) fn plug_live(&self, record: &ContainerRecord, network: &NetworkId) -> Result<(), EngineError> {
        let Some(endpoint) = self.lease_live(record, network)? else { return Ok(()) };
        let netns = self.netns_of(record)?;
        if let Err(error) = self.inner.fabric.attach(&netns, &endpoint) {
            if let Some(pool) = self.state().pools.get_mut(network) {
                pool.release(&record.name);
            }
            return Err(EngineError::network("attach the container to its network")(error));
        }
        self.insert_names(record, &endpoint);
        self.change_endpoints(record, |endpoints| endpoints.push(endpoint))?;
        self.settle_gateway(record, &netns)?;
        self.begin_dns(record, &netns)?;
        self.refresh_view(record)
    }

    /// Gives a container that was only on the default network until now the embedded DNS server.
    fn begin_dns(&self, record: &ContainerRecord, netns: &Netns) -> Result<(), EngineError> {
        let has_none = self
            .look(&record.id, |container| container.live.net.as_ref().is_some_and(|net| net.dns.is_none()))?;
        if !has_none || !self.has_embedded_dns(record) {
            return Ok(());
        }
        let server = self.serve_dns(record, netns)?;
        if let Some(net) = &mut self.state().container_mut(&record.id)?.live.net {
            net.dns = Some(server);
        }
        files::use_embedded_dns(&self.container_run(&record.id), &record.spec.network)
    }

    /// An address on the network and a free interface name; none if the container does not run.
    fn lease_live(
        &self,
        record: &ContainerRecord,
        network: &NetworkId,
    ) -> Result<Option<Endpoint>, EngineError> {
        let Some(wanted) = record.networks.get(network) else { return Ok(None) };
        let mut state = self.state();
        let Some(run) = state.container(&record.id)?.state.phase.run() else { return Ok(None) };
        let is_taken = |name: &InterfaceName| run.endpoints.iter().any(|known| known.ifname == *name);
        let ifname = (0..).map(InterfaceName::eth).find(|name| !is_taken(name));
        let missing = || EngineError::NoSuchNetwork(network.to_string());
        let pool = state.pools.get_mut(network).ok_or_else(missing)?;
        let leased = pool.lease(&record.name, AddressWish { ipv4: wanted.ipv4, ipv6: wanted.ipv6 })?;
        Ok(Some(Endpoint {
            network: Self::fabric_id(network)?,
            ipv4: leased.ipv4,
            ipv6: leased.ipv6,
            mac: mac_address(wanted, leased.ipv4, leased.ipv6)?,
            ifname: ifname.unwrap_or_else(|| InterfaceName::eth(0)),
            // Whether the default route moves here is decided when all places are known.
            is_default_gateway: false,
        }))
    }

    /// Takes a running container out of a network. `record` is what it is to be afterwards.
    pub(crate) fn unplug_live(
        &self,
        record: &ContainerRecord,
        network: &NetworkId,
    ) -> Result<(), EngineError> {
        let endpoint = self.look(&record.id, |container| {
            let run = container.state.phase.run()?;
            run.endpoints.iter().find(|endpoint| endpoint.network.as_str() == network.as_str()).cloned()
        })?;
        let Some(endpoint) = endpoint else { return Ok(()) };
        let netns = self.netns_of(record)?;
        let detached = self.inner.fabric.detach(&netns, &endpoint);
        detached.map_err(EngineError::network("detach the container from its network"))?;
        self.inner.names.remove(record.id.as_str(), Some(&endpoint.network));
        if let Some(pool) = self.state().pools.get_mut(network) {
            pool.release(&record.name);
        }
        self.change_endpoints(record, |endpoints| {
            endpoints.retain(|known| known.network != endpoint.network);
        })?;
        self.settle_gateway(record, &netns)?;
        self.refresh_view(record)
    }

    /// Moves default route and published ports to the network that they belong to now.
    fn settle_gateway(&self, record: &ContainerRecord, netns: &Netns) -> Result<(), EngineError> {
        let Some(run) = self.look(&record.id, |container| container.state.phase.run().cloned())? else {
            return Ok(());
        };
        let present = run.endpoints.iter().find(|endpoint| endpoint.is_default_gateway);
        let Some(next) = self.next_gateway(record, &run) else {
            return if present.is_none() { self.republish(record) } else { Ok(()) };
        };
        if present.is_some_and(|present| present.network == next.network) {
            return Ok(());
        }
        let next = Endpoint { is_default_gateway: true, ..next.clone() };
        let moved = self.inner.fabric.set_default_gateway(netns, &next);
        moved.map_err(EngineError::network("move the container's default route"))?;
        self.change_endpoints(record, |endpoints| {
            for endpoint in endpoints {
                endpoint.is_default_gateway = endpoint.network == next.network;
            }
        })?;
        self.republish(record)
    }

    /// The place the default route belongs to: of the highest priority, and among equals where it is.
    fn next_gateway<'a>(&self, record: &ContainerRecord, run: &'a RunRecord) -> Option<&'a Endpoint> {
        let state = self.state();
        let usable = run.endpoints.iter().filter_map(|endpoint| {
            let (id, wanted) =
                record.networks.iter().find(|(id, _)| id.as_str() == endpoint.network.as_str())?;
            let known = state.networks.get(id).filter(|known| !known.spec.internal)?;
            let order =
                (wanted.gateway_priority, endpoint.is_default_gateway, std::cmp::Reverse(&known.name));
            Some((order, endpoint))
        });
        usable.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, endpoint)| endpoint)
    }

    /// Makes the published ports lead where the container is now.
    fn republish(&self, record: &ContainerRecord) -> Result<(), EngineError> {
        let run = {
            let mut state = self.state();
            let container = state.container_mut(&record.id)?;
            let Some(run) = container.state.phase.run().cloned() else { return Ok(()) };
            if let Some(net) = &mut container.live.net {
                ports::serve(&mut net.reservation, &run.endpoints)?;
            }
            run
        };
        if run.ports.is_empty() {
            return Ok(());
        }
        let published = match run.endpoints.iter().flat_map(addresses).next() {
            Some(_) => self.inner.fabric.publish(&ports::publication(record, &run)),
            None => self.inner.fabric.unpublish(record.id.as_str()),
        };
        published.map_err(EngineError::network("publish the container's ports"))
    }

    fn change_endpoints(
        &self,
        record: &ContainerRecord,
        change: impl FnOnce(&mut Vec<Endpoint>),
    ) -> Result<(), EngineError> {
        self.update_state(&record.id, |state| {
            if let Phase::Running(run) = &mut state.phase {
                change(&mut run.endpoints);
            }
        })
    }

    /// The network namespace of a running container, which stays its own.
    fn netns_of(&self, record: &ContainerRecord) -> Result<Netns, EngineError> {
        let pid = crate::containers::running_pid(self, record.id.as_str())?;
        let path = format!("/proc/{pid}/ns/net");
        Netns::existing(Path::new(&path))
            .map_err(EngineError::network("open the container's network namespace"))
    }
}
