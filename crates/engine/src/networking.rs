//! A container's place in its networks, from start to exit.

use crate::{
    Engine,
    error::EngineError,
    oci::config::NamespaceChoice,
    records::{ContainerRecord, RunRecord},
    spec::{EndpointSpec, HostPort, NetworkMode, PortBinding, Protocol},
    state::LiveNetwork,
};
use network::{
    Endpoint, InterfaceName, MacAddress, Netns, NetnsOptions, PortRequest, PortReservation, Publication,
    PublishedPort,
    dns::{DnsView, NameRecord},
    plan::AddressWish,
};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// The ports that are tried for a port published without a number: Linux' usual ephemeral range.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32768..=60999;

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
        let mut reservation = reserve(record)?;
        self.ensure_default_network(record)?;
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
        if let (Some(reservation), Some(address)) =
            (&mut reservation, endpoints.iter().flat_map(addresses).next())
        {
            let served = reservation.serve(network::ProxyTarget { address });
            served.map_err(EngineError::network("serve the published ports"))?;
        }
        let gateway = self.gateway_of(&endpoints);
        Ok(Plugged {
            namespace: NamespaceChoice::Path(path),
            live: LiveNetwork { _netns: Some(netns), dns, reservation },
            endpoints,
            embedded_dns,
            gateway,
        })
    }

    /// Containers on networks that a user made resolve names by the embedded server; on the default network they use
    /// the host's resolvers, as with Docker.
    fn has_embedded_dns(&self, record: &ContainerRecord) -> bool {
        let state = self.state();
        record
            .networks
            .keys()
            .filter_map(|id| state.networks.get(id))
            .any(|network| network.name != crate::networks::DEFAULT_NETWORK)
    }

    fn serve_dns(
        &self,
        record: &ContainerRecord,
        netns: &Netns,
    ) -> Result<network::dns::DnsServer, EngineError> {
        let view = DnsView {
            networks: record.networks.keys().map(Self::fabric_id).collect::<Result<_, _>>()?,
            own: self.links(record),
            upstreams: record.spec.network.dns.clone(),
            internal: self.all_internal(record),
        };
        self.inner.dns.serve(netns, view).map_err(EngineError::network("serve the container's DNS"))
    }

    /// Whether none of the container's networks has a way out.
    fn all_internal(&self, record: &ContainerRecord) -> bool {
        let state = self.state();
        record.networks.keys().all(|id| state.networks.get(id).is_some_and(|network| network.spec.internal))
    }

    /// `--link container[:alias]`: names only this container sees.
    fn links(&self, record: &ContainerRecord) -> Vec<(String, IpAddr)> {
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
            own.extend(run.endpoints.iter().flat_map(addresses).map(|address| (alias.to_owned(), address)));
        }
        own
    }

    /// Decides the container's addresses on each network.
    fn lease_endpoints(&self, record: &ContainerRecord) -> Result<Vec<Endpoint>, EngineError> {
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
    fn gateway_network(&self, record: &ContainerRecord) -> Option<crate::id::NetworkId> {
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

    fn gateway_of(&self, endpoints: &[Endpoint]) -> Option<IpAddr> {
        let network = endpoints.iter().find(|endpoint| endpoint.is_default_gateway).or(endpoints.first())?;
        let state = self.state();
        let record = state.networks.values().find(|record| record.id.as_str() == network.network.as_str())?;
        record.spec.subnets.first().map(|subnet| subnet.gateway)
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
        if let (Some(reservation), Some(address)) =
            (&mut reservation, run.endpoints.iter().flat_map(addresses).next())
        {
            let served = reservation.serve(network::ProxyTarget { address });
            served.map_err(EngineError::network("serve the published ports"))?;
        }
        for endpoint in &run.endpoints {
            self.insert_names(record, endpoint);
        }
        Ok(LiveNetwork { _netns: Some(netns), dns, reservation })
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

    /// The container's control group below each hierarchy's root.
    pub(crate) fn cgroup_path(record: &ContainerRecord) -> PathBuf {
        let parent = record.spec.cgroup_parent.as_deref().unwrap_or("/berth");
        Path::new("/").join(parent.trim_start_matches('/')).join(record.id.as_str())
    }
}

/// What the firewall is told about a container's published ports.
pub(crate) fn publication(record: &ContainerRecord, run: &RunRecord) -> Publication {
    let first = run.endpoints.iter().find(|endpoint| endpoint.is_default_gateway).or(run.endpoints.first());
    Publication {
        container: record.id.to_string(),
        ipv4: first.and_then(|endpoint| endpoint.ipv4),
        ipv6: first.and_then(|endpoint| endpoint.ipv6),
        ports: run.ports.clone(),
    }
}

/// The main network first, so that it is `eth0`; the others by name.
fn sorted_networks<'a>(
    networks: &'a BTreeMap<crate::id::NetworkId, EndpointSpec>,
    first: Option<&crate::id::NetworkId>,
) -> Vec<(&'a crate::id::NetworkId, &'a EndpointSpec)> {
    let mut sorted: Vec<_> = networks.iter().collect();
    sorted.sort_by_key(|(id, _)| Some(*id) != first);
    sorted
}

fn mac_address(
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

/// Every name beside the container's own.
pub(crate) fn dns_aliases(record: &ContainerRecord, wanted: &EndpointSpec) -> Vec<String> {
    let mut aliases = wanted.aliases.clone();
    aliases.push(record.id.short().to_owned());
    if record.spec.hostname.is_some() && !aliases.contains(&record.hostname) {
        aliases.push(record.hostname.clone());
    }
    aliases
}

/// Reserves every published port, and with `-P` every exposed one.
fn reserve(record: &ContainerRecord) -> Result<Option<PortReservation>, EngineError> {
    let network = &record.spec.network;
    let mut requests: Vec<PortRequest> = network.ports.iter().map(port_request).collect();
    if network.publish_all {
        let unpublished = record
            .process
            .exposed
            .iter()
            .filter(|port| !network.ports.iter().any(|bound| bound.container == **port));
        requests.extend(unpublished.map(|port| {
            port_request(&PortBinding { container: *port, host_ip: None, host_port: HostPort::Ephemeral })
        }));
    }
    if requests.is_empty() { Ok(None) } else { Ok(Some(PortReservation::reserve(&requests)?)) }
}

fn port_request(binding: &PortBinding) -> PortRequest {
    PortRequest {
        host_ip: binding.host_ip,
        host_ports: match binding.host_port {
            HostPort::Ephemeral => EPHEMERAL,
            HostPort::Fixed(port) => port..=port,
            HostPort::Range(first, last) => first..=last,
        },
        container_port: binding.container.port,
        protocol: match binding.container.protocol {
            Protocol::Tcp => network::Protocol::Tcp,
            Protocol::Udp => network::Protocol::Udp,
        },
    }
}

impl Engine {
    /// Joins a running container to a network it was given a place in.
    pub(crate) fn plug_live(
        &self,
        record: &ContainerRecord,
        network: &crate::id::NetworkId,
    ) -> Result<(), EngineError> {
        let Some(wanted) = record.networks.get(network) else { return Ok(()) };
        let endpoint = {
            let mut state = self.state();
            let container = state.container(&record.id)?;
            let Some(run) = container.state.phase.run() else { return Ok(()) };
            let index = (0..)
                .find(|index| !run.endpoints.iter().any(|known| known.ifname == InterfaceName::eth(*index)));
            let internal = state.networks.get(network).is_some_and(|known| known.spec.internal);
            let has_gateway = run.endpoints.iter().any(|known| known.is_default_gateway);
            let pool = state
                .pools
                .get_mut(network)
                .ok_or_else(|| EngineError::NoSuchNetwork(network.to_string()))?;
            let leased = pool.lease(&record.name, AddressWish { ipv4: wanted.ipv4, ipv6: wanted.ipv6 })?;
            Endpoint {
                network: Self::fabric_id(network)?,
                ipv4: leased.ipv4,
                ipv6: leased.ipv6,
                mac: mac_address(wanted, leased.ipv4, leased.ipv6)?,
                ifname: InterfaceName::eth(index.unwrap_or_default()),
                is_default_gateway: !internal && !has_gateway,
            }
        };
        let attached = self.with_netns(record, |netns| {
            self.inner
                .fabric
                .attach(netns, &endpoint)
                .map(drop)
                .map_err(EngineError::network("attach the container to its network"))
        });
        if let Err(error) = attached {
            if let Some(pool) = self.state().pools.get_mut(network) {
                pool.release(&record.name);
            }
            return Err(error);
        }
        self.insert_names(record, &endpoint);
        self.update_state(&record.id, |state| {
            if let crate::records::Phase::Running(run) = &mut state.phase {
                run.endpoints.push(endpoint);
            }
        })?;
        self.refresh_view(record)
    }

    /// Takes a running container out of a network.
    pub(crate) fn unplug_live(
        &self,
        record: &ContainerRecord,
        network: &crate::id::NetworkId,
    ) -> Result<(), EngineError> {
        let endpoint = self.look(&record.id, |container| {
            let run = container.state.phase.run()?;
            run.endpoints.iter().find(|endpoint| endpoint.network.as_str() == network.as_str()).cloned()
        })?;
        let Some(endpoint) = endpoint else { return Ok(()) };
        self.with_netns(record, |netns| {
            self.inner
                .fabric
                .detach(netns, &endpoint)
                .map_err(EngineError::network("detach the container from its network"))
        })?;
        self.inner.names.remove(record.id.as_str(), Some(&endpoint.network));
        if let Some(pool) = self.state().pools.get_mut(network) {
            pool.release(&record.name);
        }
        self.update_state(&record.id, |state| {
            if let crate::records::Phase::Running(run) = &mut state.phase {
                run.endpoints.retain(|known| known.network != endpoint.network);
            }
        })
    }

    /// Works with the network namespace of a running container, which stays with its owner meanwhile.
    fn with_netns<T>(
        &self,
        record: &ContainerRecord,
        work: impl FnOnce(&Netns) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let pid = crate::containers::running_pid(self, record.id.as_str())?;
        let path = format!("/proc/{pid}/ns/net");
        let netns = Netns::existing(Path::new(&path))
            .map_err(EngineError::network("open the container's network namespace"))?;
        work(&netns)
    }

    /// Lets the container's DNS server see the networks it is in now.
    fn refresh_view(&self, record: &ContainerRecord) -> Result<(), EngineError> {
        let view = DnsView {
            networks: record.networks.keys().map(Self::fabric_id).collect::<Result<_, _>>()?,
            own: self.links(record),
            upstreams: record.spec.network.dns.clone(),
            internal: self.all_internal(record),
        };
        let state = self.state();
        if let Some(dns) = state.container(&record.id)?.live.net.as_ref().and_then(|net| net.dns.as_ref()) {
            dns.set_view(view);
        }
        Ok(())
    }
}
