//! Networks, ports and names.

use super::{list, sorted, text};
use crate::error::BadRequest;
use bollard_stubs::models::{ContainerCreateBody, EndpointSettings, HostConfig, NetworkingConfig};
use engine::spec::{ContainerPort, EndpointSpec, ExtraHost, NetworkMode, NetworkSettings, PortBinding};
use std::{net::IpAddr, str::FromStr};

pub(super) fn settings(
    body: &ContainerCreateBody,
    host: &HostConfig,
    networking: NetworkingConfig,
) -> Result<NetworkSettings, BadRequest> {
    let disabled = body.network_disabled.unwrap_or_default();
    let mode = host.network_mode.as_deref().unwrap_or_default();
    let endpoints = networking.endpoints_config.unwrap_or_default().into_iter();
    Ok(NetworkSettings {
        mode: if disabled { NetworkMode::None } else { NetworkMode::parse(mode) },
        endpoints: endpoints
            .map(|(name, settings)| Ok((name, endpoint(&settings)?)))
            .collect::<Result<_, BadRequest>>()?,
        ports: ports(host)?,
        publish_all: host.publish_all_ports.unwrap_or_default(),
        dns: each("Dns", &host.dns, |server| IpAddr::from_str(server).ok())?,
        dns_search: list(&host.dns_search),
        dns_options: list(&host.dns_options),
        extra_hosts: each("ExtraHosts", &host.extra_hosts, ExtraHost::parse)?,
        links: list(&host.links),
        mac_address: None,
    })
}

/// Reads a place in a network.
pub(crate) fn endpoint(settings: &EndpointSettings) -> Result<EndpointSpec, BadRequest> {
    let addresses = settings.ipam_config.clone().unwrap_or_default();
    Ok(EndpointSpec {
        aliases: list(&settings.aliases),
        ipv4: address("IPv4Address", &addresses.ipv4_address)?,
        ipv6: address("IPv6Address", &addresses.ipv6_address)?,
        mac_address: text(&settings.mac_address),
        links: list(&settings.links),
        driver_options: sorted(&settings.driver_opts),
        gateway_priority: settings.gw_priority.unwrap_or_default(),
    })
}

fn address<T: FromStr>(field: &'static str, value: &Option<String>) -> Result<Option<T>, BadRequest> {
    let Some(value) = text(value) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| BadRequest::field(field, format!("{value:?} is not an address")))
}

fn each<T>(
    field: &'static str,
    values: &Option<Vec<String>>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, BadRequest> {
    let values = values.iter().flatten();
    values
        .map(|value| read(value).ok_or_else(|| BadRequest::field(field, format!("{value:?} cannot be read"))))
        .collect()
}

fn ports(host: &HostConfig) -> Result<Vec<PortBinding>, BadRequest> {
    let mut bindings = Vec::new();
    for (port, targets) in host.port_bindings.iter().flatten() {
        let container: ContainerPort =
            port.parse().map_err(|error| BadRequest::field("PortBindings", format!("{error}")))?;
        for target in targets.iter().flatten() {
            let host_port = target.host_port.as_deref().unwrap_or_default();
            bindings.push(PortBinding {
                container,
                host_ip: address("HostIp", &target.host_ip)?,
                host_port: host_port
                    .parse()
                    .map_err(|error| BadRequest::field("HostPort", format!("{error}")))?,
            });
        }
    }
    bindings.sort_by_key(|binding| binding.container);
    Ok(bindings)
}
