//! Names: the container's own in its networks, and those that it sees.

use super::addresses;
use crate::{Engine, error::EngineError, records::ContainerRecord, spec::EndpointSpec};
use network::{
    Endpoint, Netns,
    dns::{DnsView, NameRecord},
};
use std::net::IpAddr;

impl Engine {
    /// Containers on networks that a user made resolve names by the embedded server; on the default network they use
    /// the host's resolvers, as with Docker.
    pub(super) fn has_embedded_dns(&self, record: &ContainerRecord) -> bool {
        let state = self.state();
        record
            .networks
            .keys()
            .filter_map(|id| state.networks.get(id))
            .any(|network| network.name != crate::networks::DEFAULT_NETWORK)
    }

    pub(super) fn serve_dns(
        &self,
        record: &ContainerRecord,
        netns: &Netns,
    ) -> Result<network::dns::DnsServer, EngineError> {
        let view = self.dns_view(record)?;
        self.inner.dns.serve(netns, view).map_err(EngineError::network("serve the container's DNS"))
    }

    /// What the container's DNS server sees.
    fn dns_view(&self, record: &ContainerRecord) -> Result<DnsView, EngineError> {
        Ok(DnsView {
            networks: record.networks.keys().map(Self::fabric_id).collect::<Result<_, _>>()?,
            own: self.links(record),
            upstreams: record.spec.network.dns.clone(),
            internal: self.all_internal(record),
        })
    }

    /// Whether none of the container's networks has a way out.
    fn all_internal(&self, record: &ContainerRecord) -> bool {
        let state = self.state();
        record.networks.keys().all(|id| state.networks.get(id).is_some_and(|network| network.spec.internal))
    }

    /// `--link container[:alias]`: names only this container sees.
    pub(crate) fn links(&self, record: &ContainerRecord) -> Vec<(String, IpAddr)> {
        let endpoint_links = record.networks.values().flat_map(|endpoint| &endpoint.links);
        let mut own = Vec::new();
        let state = self.state();
        for link in record.spec.network.links.iter().chain(endpoint_links) {
            let (target, alias) = link.split_once(':').unwrap_or((link, link));
            let Ok(id) = state.find(target) else { continue };
            let Some(run) = state.container(&id).ok().and_then(|container| container.state.phase.run())
            else {
                continue;
            };
            for address in run.endpoints.iter().flat_map(addresses) {
                let name = (alias.to_owned(), address);
                if !own.contains(&name) {
                    own.push(name);
                }
            }
        }
        own
    }

    pub(crate) fn insert_names(&self, record: &ContainerRecord, endpoint: &Endpoint) {
        let Some((id, wanted)) =
            record.networks.iter().find(|(id, _)| id.as_str() == endpoint.network.as_str())
        else {
            return;
        };
        let network_name =
            self.state().networks.get(id).map(|network| network.name.clone()).unwrap_or_default();
        self.inner.names.insert(NameRecord {
            network: endpoint.network.clone(),
            network_name,
            container: record.id.to_string(),
            name: record.name.clone(),
            aliases: dns_aliases(record, wanted),
            addresses: addresses(endpoint).collect(),
        });
    }

    /// Lets the container's DNS server see the networks it is in now.
    pub(super) fn refresh_view(&self, record: &ContainerRecord) -> Result<(), EngineError> {
        let view = self.dns_view(record)?;
        let state = self.state();
        if let Some(dns) = state.container(&record.id)?.live.net.as_ref().and_then(|net| net.dns.as_ref()) {
            dns.set_view(view);
        }
        Ok(())
    }
}

/// Every name beside the container's own.
pub(crate) fn dns_aliases(record: &ContainerRecord, wanted: &EndpointSpec) -> Vec<String> {
    let mut aliases = wanted.aliases.clone();
    aliases.push(record.id.short().to_owned());
    if record.spec.hostname.is_some() && !aliases.contains(&record.hostname) {
        aliases.push(record.hostname.clone());
    }
    aliases
}
