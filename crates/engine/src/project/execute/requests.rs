//! What is asked of the engine for things of a project.

use super::super::labels;
use super::super::plan::container_name;
use crate::op::{IpamPool, NetworkRequest, VolumeRequest};
use crate::spec::VolumeName;
use compose::model::{Network, Project, Service, ServiceName, Volume};
use std::collections::BTreeMap;

/// Names of the containers of the services that a service links to.
pub(in crate::project) fn linked(project: &Project, service: &Service) -> BTreeMap<ServiceName, Vec<String>> {
    let links =
        service.networking.links.iter().filter_map(|link| project.services.get(link.service.as_str()));
    links
        .map(|linked| {
            let names = (1..=linked.replicas.max(1)).map(|number| container_name(project, linked, number));
            (linked.name.clone(), names.collect())
        })
        .collect()
}

/// What a network of the project is made from.
pub(super) fn network_request(
    project: &Project,
    key: &str,
    network: &Network,
) -> Result<NetworkRequest, String> {
    let pools = network.ipam.pools.iter().filter_map(|pool| {
        Some(IpamPool {
            subnet: pool.subnet?,
            ip_range: pool.ip_range,
            gateway: pool.gateway,
            auxiliary: pool.aux_addresses.clone(),
        })
    });
    let hash = compose::network_hash(network);
    Ok(NetworkRequest {
        name: network.name.clone(),
        internal: network.internal,
        attachable: network.attachable,
        enable_ipv6: network.enable_ipv6.unwrap_or_else(|| {
            network.ipam.pools.iter().any(|pool| pool.subnet.is_some_and(|subnet| subnet.addr().is_ipv6()))
        }),
        pools: pools.collect(),
        options: network.driver_opts.clone(),
        labels: labels::of_resource(project.name.as_str(), labels::NETWORK, key, &network.labels, &hash),
        ..NetworkRequest::default()
    })
}

/// What a volume of the project is made from.
pub(super) fn volume_request(project: &Project, key: &str, volume: &Volume) -> Result<VolumeRequest, String> {
    let hash = compose::volume_hash(volume);
    Ok(VolumeRequest {
        name: Some(VolumeName::parse(&volume.name).map_err(|error| error.to_string())?),
        driver: None,
        options: volume.driver_opts.clone(),
        labels: labels::of_resource(project.name.as_str(), labels::VOLUME, key, &volume.labels, &hash),
    })
}
