//! Networks, names and ports.

use super::{About, provider};
use crate::spec::{
    ContainerPort, EndpointSpec, ExtraHost, HostAddress, HostPort, NetworkMode, NetworkSettings, PortBinding,
    Protocol,
};
use compose::model::{self, Attachment, NetworkKey, Project, Service, ServiceNetwork};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn settings(
    project: &Project,
    service: &Service,
    about: &About,
) -> Result<NetworkSettings, String> {
    let networking = &service.networking;
    let (mode, endpoints) = match &networking.attachment {
        Attachment::Networks(networks) => attached(project, service, networks),
        Attachment::Bridge => (NetworkMode::Default, BTreeMap::new()),
        Attachment::Host => (NetworkMode::Host, BTreeMap::new()),
        Attachment::None => (NetworkMode::None, BTreeMap::new()),
        Attachment::Service(name) => {
            (NetworkMode::Container(provider(about, name)?.to_owned()), BTreeMap::new())
        }
        Attachment::Container(id) => (NetworkMode::Container(id.clone()), BTreeMap::new()),
        Attachment::Named(name) => (NetworkMode::Network(name.clone()), BTreeMap::new()),
    };
    let publishes = matches!(mode, NetworkMode::Default | NetworkMode::Network(_));
    Ok(NetworkSettings {
        mode,
        endpoints,
        ports: match publishes {
            true => networking.ports.iter().map(binding).collect::<Result<_, _>>()?,
            false => Vec::new(),
        },
        publish_all: false,
        dns: networking.dns.clone(),
        dns_search: networking.dns_search.clone(),
        dns_options: networking.dns_opt.clone(),
        extra_hosts: extra_hosts(service)?,
        links: links(service, about),
        mac_address: networking.mac_address.map(|mac| mac.to_string()),
    })
}

/// The network of highest priority is the first one, and the others are joined beside it.
fn attached(
    project: &Project,
    service: &Service,
    networks: &BTreeMap<NetworkKey, ServiceNetwork>,
) -> (NetworkMode, BTreeMap<String, EndpointSpec>) {
    let name = |key: &NetworkKey| project.networks.get(key.as_str()).map(|network| network.name.clone());
    let first = networks.iter().min_by_key(|(key, network)| (std::cmp::Reverse(network.priority), *key));
    let mode = match first.and_then(|(key, _)| name(key)) {
        Some(name) => NetworkMode::Network(name),
        None => NetworkMode::None,
    };
    let endpoints =
        networks.iter().filter_map(|(key, network)| Some((name(key)?, endpoint(service, network)))).collect();
    (mode, endpoints)
}

fn endpoint(service: &Service, network: &ServiceNetwork) -> EndpointSpec {
    let mut aliases = vec![service.name.to_string()];
    for alias in &network.aliases {
        if !aliases.contains(alias) {
            aliases.push(alias.clone());
        }
    }
    EndpointSpec {
        aliases,
        ipv4: network.ipv4_address,
        ipv6: network.ipv6_address,
        mac_address: network.mac_address.map(|mac| mac.to_string()),
        links: Vec::new(),
        driver_options: network.driver_opts.clone(),
        gateway_priority: i64::from(network.gw_priority),
    }
}

fn protocol(protocol: model::Protocol) -> Result<Protocol, String> {
    match protocol {
        model::Protocol::Tcp => Ok(Protocol::Tcp),
        model::Protocol::Udp => Ok(Protocol::Udp),
        model::Protocol::Sctp => Err("ports of SCTP cannot be published yet; remove them".to_owned()),
    }
}

fn binding(port: &model::Port) -> Result<PortBinding, String> {
    Ok(PortBinding {
        container: ContainerPort { port: port.target, protocol: protocol(port.protocol)? },
        host_ip: port.host_ip,
        host_port: match port.published {
            None => HostPort::Ephemeral,
            Some(range) if range.start == range.end => HostPort::Fixed(range.start),
            Some(range) => HostPort::Range(range.start, range.end),
        },
    })
}

/// `expose`, and the targets of `ports`.
pub(super) fn exposed(service: &Service) -> Result<BTreeSet<ContainerPort>, String> {
    let exposed = service.networking.expose.iter().map(|port| (port.port, port.protocol));
    exposed.map(|(port, given)| Ok(ContainerPort { port, protocol: protocol(given)? })).collect()
}

fn extra_hosts(service: &Service) -> Result<Vec<ExtraHost>, String> {
    let lines =
        service.networking.extra_hosts.iter().flat_map(|(name, all)| all.iter().map(move |a| (name, a)));
    lines
        .map(|(name, address)| {
            let address = match address.as_str() {
                "host-gateway" => HostAddress::HostGateway,
                text => HostAddress::Ip(text.parse().map_err(|_| format!("`{text}` is no address"))?),
            };
            Ok(ExtraHost { name: name.clone(), address })
        })
        .collect()
}

fn links(service: &Service, about: &About) -> Vec<String> {
    let of_project = service.networking.links.iter().flat_map(|link| {
        let containers = about.linked.get(link.service.as_str()).map(Vec::as_slice).unwrap_or_default();
        containers.iter().map(|container| format!("{container}:{}", link.alias))
    });
    of_project.collect()
}
