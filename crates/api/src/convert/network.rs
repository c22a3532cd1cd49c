//! Networks.

use super::map;
use crate::error::BadRequest;
use bollard_stubs::models::{EndpointResource, Ipam, IpamConfig, NetworkCreateRequest, NetworkInspect};
use engine::{
    op::{IpamPool, NetworkDriver, NetworkRequest},
    snapshot::{NetworkMember, NetworkSnapshot},
};
use std::str::FromStr;

/// Reads a request for a new network.
pub(crate) fn request(body: NetworkCreateRequest) -> Result<NetworkRequest, BadRequest> {
    let driver = body.driver.as_deref().unwrap_or_default();
    let ipam = body.ipam.unwrap_or_default();
    Ok(NetworkRequest {
        name: body.name,
        driver: match driver {
            "" | "default" | "bridge" => NetworkDriver::Bridge,
            "host" => NetworkDriver::Host,
            "null" | "none" => NetworkDriver::Null,
            other => {
                return Err(BadRequest::field(
                    "Driver",
                    format!("{other:?}: the drivers are bridge, host and none"),
                ));
            }
        },
        internal: body.internal.unwrap_or_default(),
        attachable: body.attachable.unwrap_or_default(),
        enable_ipv6: body.enable_ipv6.unwrap_or_default(),
        pools: ipam.config.unwrap_or_default().iter().map(pool).collect::<Result<_, _>>()?,
        options: body.options.unwrap_or_default().into_iter().collect(),
        labels: body.labels.unwrap_or_default().into_iter().collect(),
    })
}

fn pool(config: &IpamConfig) -> Result<IpamPool, BadRequest> {
    let subnet = config.subnet.as_deref().unwrap_or_default();
    let auxiliary = config.auxiliary_addresses.iter().flatten();
    Ok(IpamPool {
        subnet: read("Subnet", subnet)?,
        ip_range: optional("IPRange", &config.ip_range)?,
        gateway: optional("Gateway", &config.gateway)?,
        auxiliary: auxiliary
            .map(|(name, address)| Ok((name.clone(), read("AuxiliaryAddresses", address)?)))
            .collect::<Result<_, BadRequest>>()?,
    })
}

fn optional<T: FromStr>(field: &'static str, value: &Option<String>) -> Result<Option<T>, BadRequest> {
    value.as_deref().filter(|text| !text.is_empty()).map(|text| read(field, text)).transpose()
}

fn read<T: FromStr>(field: &'static str, text: &str) -> Result<T, BadRequest> {
    text.parse().map_err(|_| {
        BadRequest::field(field, format!("{text:?} cannot be read; write it as 10.0.0.0/24 or 10.0.0.1"))
    })
}

/// A network as `docker network inspect` shows it.
pub(crate) fn inspect(snapshot: &NetworkSnapshot) -> NetworkInspect {
    let containers = snapshot.members.iter().map(|member| (member.container.to_string(), resource(member)));
    NetworkInspect {
        name: Some(snapshot.name.clone()),
        id: Some(snapshot.id.to_string()),
        created: Some(snapshot.created),
        scope: Some("local".to_owned()),
        driver: Some(snapshot.driver.as_str().to_owned()),
        enable_ipv4: Some(true),
        enable_ipv6: Some(snapshot.enable_ipv6),
        ipam: Some(Ipam {
            driver: Some("default".to_owned()),
            config: Some(snapshot.pools.iter().map(ipam).collect()),
            options: None,
        }),
        internal: Some(snapshot.internal),
        attachable: Some(snapshot.attachable),
        ingress: Some(false),
        config_only: Some(false),
        options: Some(map(&snapshot.options)),
        labels: Some(map(&snapshot.labels)),
        containers: Some(containers.collect()),
        ..NetworkInspect::default()
    }
}

fn ipam(pool: &IpamPool) -> IpamConfig {
    let auxiliary = pool.auxiliary.iter().map(|(name, address)| (name.clone(), address.to_string()));
    IpamConfig {
        subnet: Some(pool.subnet.to_string()),
        ip_range: pool.ip_range.map(|range| range.to_string()),
        gateway: pool.gateway.map(|gateway| gateway.to_string()),
        auxiliary_addresses: (!pool.auxiliary.is_empty()).then(|| auxiliary.collect()),
    }
}

fn resource(member: &NetworkMember) -> EndpointResource {
    let v4 = member.ipv4.map(|(address, length)| format!("{address}/{length}"));
    let v6 = member.ipv6.map(|(address, length)| format!("{address}/{length}"));
    EndpointResource {
        name: Some(member.name.clone()),
        endpoint_id: Some(member.endpoint.to_string()),
        mac_address: Some(member.mac.clone().unwrap_or_default()),
        ipv4_address: Some(v4.unwrap_or_default()),
        ipv6_address: Some(v6.unwrap_or_default()),
    }
}
