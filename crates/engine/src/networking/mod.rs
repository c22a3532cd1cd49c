//! A container's place in its networks, from start to exit.

mod endpoints;
mod live;
mod names;
mod ports;

pub(crate) use names::dns_aliases;
pub(crate) use ports::publication;

use crate::{
    Engine,
    error::EngineError,
    id::ContainerId,
    oci::config::NamespaceChoice,
    records::{ContainerRecord, RunRecord},
    spec::NetworkMode,
    state::LiveNetwork,
};
use network::{Endpoint, Netns, NetnsOptions, PortReservation, PublishedPort};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

/// A network namespace that is ready for the container.
#[derive(Debug)]
pub(crate) struct Plugged {
    pub(crate) namespace: NamespaceChoice,
    pub(crate) live: LiveNetwork,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) embedded_dns: bool,
    /// The host as the container sees it.
    pub(crate) gateway: Option<IpAddr>,
}

impl Plugged {
    fn outside(namespace: NamespaceChoice) -> Self {
        Self {
            namespace,
            live: LiveNetwork::default(),
            endpoints: Vec::new(),
            embedded_dns: false,
            gateway: None,
        }
    }

    /// The published ports.
    pub(crate) fn ports(&self) -> &[PublishedPort] {
        self.live.reservation.as_ref().map_or(&[], PortReservation::ports)
    }

    /// The container's addresses.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.endpoints.iter().flat_map(addresses).collect()
    }
}

fn addresses(endpoint: &Endpoint) -> impl Iterator<Item = IpAddr> {
    endpoint.ipv4.map(IpAddr::V4).into_iter().chain(endpoint.ipv6.map(IpAddr::V6))
}

impl Engine {
    /// Makes the container's network: ports first, so that a taken one fails before anything is made.
    pub(crate) fn plug_in(
        &self,
        record: &ContainerRecord,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Plugged, EngineError> {
        match &record.spec.network.mode {
            NetworkMode::Host => return Ok(Plugged::outside(NamespaceChoice::Host)),
            NetworkMode::Container(other) => {
                let pid = crate::containers::running_pid(self, other)?;
                return Ok(Plugged::outside(NamespaceChoice::Path(PathBuf::from(format!(
                    "/proc/{pid}/ns/net"
                )))));
            }
            NetworkMode::None => return self.loopback_only(),
            NetworkMode::Default | NetworkMode::Network(_) => {}
        }
        let plugged = self.plug_into_networks(record, runtime);
        if plugged.is_err() {
            self.unplug(record);
        }
        plugged
    }

    fn loopback_only(&self) -> Result<Plugged, EngineError> {
        let netns = self.new_netns(NetnsOptions { dns: false, ipv6: false })?;
        Ok(Plugged {
            live: LiveNetwork { _netns: Some(netns.1), ..LiveNetwork::default() },
            ..Plugged::outside(NamespaceChoice::Path(netns.0))
        })
    }

    fn new_netns(&self, options: NetnsOptions) -> Result<(PathBuf, Netns), EngineError> {
        let netns = self
            .inner
            .fabric
            .create_netns(options)
            .map_err(EngineError::network("make a network namespace"))?;
        Ok((netns.path().to_owned(), netns))
    }

    fn plug_into_networks(
        &self,
        record: &ContainerRecord,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Plugged, EngineError> {
        let mut reservation = self.reserve_ports(record)?;
        self.ensure_networks(record)?;
        let endpoints = self.lease_endpoints(record)?;
        let ipv6 = endpoints.iter().any(|endpoint| endpoint.ipv6.is_some());
        let embedded_dns = self.has_embedded_dns(record);
        let (path, netns) = self.new_netns(NetnsOptions { dns: embedded_dns, ipv6 })?;
        for endpoint in &endpoints {
            self.inner
                .fabric
                .attach(&netns, endpoint)
                .map_err(EngineError::network("attach the container to its network"))?;
        }
        let _inside = runtime.enter();
        let dns = match embedded_dns {
            true => Some(self.serve_dns(record, &netns)?),
            false => None,
        };
        ports::serve(&mut reservation, &endpoints)?;
        let gateway = self.gateway_of(&endpoints);
        Ok(Plugged {
            namespace: NamespaceChoice::Path(path),
            live: LiveNetwork { _netns: Some(netns), dns, reservation },
            endpoints,
            embedded_dns,
            gateway,
        })
    }

    /// Makes the container reachable: its names, its published ports.
    pub(crate) fn announce(&self, record: &ContainerRecord, plugged: &Plugged) -> Result<(), EngineError> {
        let run = RunRecord {
            process: None,
            endpoints: plugged.endpoints.clone(),
            ports: plugged.ports().to_vec(),
        };
        self.announce_run(record, &run)
    }

    /// As [`Engine::announce`], for a container found running.
    pub(crate) fn announce_run(&self, record: &ContainerRecord, run: &RunRecord) -> Result<(), EngineError> {
        for endpoint in &run.endpoints {
            self.insert_names(record, endpoint);
        }
        if run.ports.is_empty() {
            return Ok(());
        }
        let publication = publication(record, run);
        self.inner.fabric.publish(&publication).map_err(EngineError::network("publish the container's ports"))
    }

    /// Takes back everything that [`Engine::plug_in`] and [`Engine::announce`] made. Quiet: it is also called for what
    /// was only half made.
    pub(crate) fn unplug(&self, record: &ContainerRecord) {
        self.inner.names.remove(record.id.as_str(), None);
        let publishes = !record.spec.network.ports.is_empty() || record.spec.network.publish_all;
        if publishes && let Err(error) = self.inner.fabric.unpublish(record.id.as_str()) {
            tracing::warn!(%error, container = record.name, "published ports could not be taken back");
        }
        let mut state = self.state();
        for id in record.networks.keys() {
            if let Some(pool) = state.pools.get_mut(id) {
                pool.release(&record.name);
            }
        }
    }

    /// Finds the network of a container that runs already, after the engine was started anew.
    pub(crate) fn adopt_network(
        &self,
        record: &ContainerRecord,
        run: &RunRecord,
        pid: u32,
    ) -> Result<LiveNetwork, EngineError> {
        if run.endpoints.is_empty() {
            return Ok(LiveNetwork::default());
        }
        let path = format!("/proc/{pid}/ns/net");
        let netns = Netns::existing(Path::new(&path))
            .map_err(EngineError::network("open the container's network namespace"))?;
        let dns = match self.has_embedded_dns(record) {
            true => Some(self.serve_dns(record, &netns)?),
            false => None,
        };
        let mut reservation = match run.ports.is_empty() {
            true => None,
            false => Some(PortReservation::adopt(&run.ports)?),
        };
        ports::serve(&mut reservation, &run.endpoints)?;
        for endpoint in &run.endpoints {
            self.insert_names(record, endpoint);
        }
        Ok(LiveNetwork { _netns: Some(netns), dns, reservation })
    }

    /// The container's control group below each hierarchy's root.
    pub(crate) fn cgroup_path(record: &ContainerRecord) -> PathBuf {
        match record.spec.cgroup_parent.as_deref() {
            None => Self::default_cgroup(&record.id),
            Some(parent) => Path::new("/").join(parent.trim_start_matches('/')).join(record.id.as_str()),
        }
    }

    /// The control group of a container that names no parent of its own.
    pub(crate) fn default_cgroup(id: &ContainerId) -> PathBuf {
        Path::new("/berth").join(id.as_str())
    }
}
