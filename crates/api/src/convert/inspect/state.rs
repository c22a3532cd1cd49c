//! State, health, mounts and networks.

use crate::convert::{map, signed, timestamp_or_zero};
use bollard_stubs::models::{
    ContainerState, ContainerStateStatusEnum, EndpointIpamConfig, EndpointSettings, Health, HealthStatusEnum,
    HealthcheckResult, MountPoint,
};
use engine::snapshot::{
    ContainerSnapshot, EndpointSnapshot, HealthSnapshot, HealthStatus, MountSnapshot, MountType,
    StateSnapshot, Status,
};
use std::collections::HashMap;

pub(super) fn state(state: &StateSnapshot) -> ContainerState {
    ContainerState {
        status: Some(status(state.status)),
        running: Some(state.status.is_alive() || state.status == Status::Restarting),
        paused: Some(state.status == Status::Paused),
        restarting: Some(state.status == Status::Restarting),
        oom_killed: Some(state.oom_killed),
        dead: Some(state.status == Status::Dead),
        pid: Some(state.pid.unwrap_or_default().into()),
        exit_code: Some(state.exit_code),
        error: Some(state.error.clone()),
        started_at: Some(timestamp_or_zero(state.started_at)),
        finished_at: Some(timestamp_or_zero(state.finished_at)),
        health: state.health.as_ref().map(health),
    }
}

fn status(status: Status) -> ContainerStateStatusEnum {
    match status {
        Status::Created => ContainerStateStatusEnum::CREATED,
        Status::Running => ContainerStateStatusEnum::RUNNING,
        Status::Paused => ContainerStateStatusEnum::PAUSED,
        Status::Restarting => ContainerStateStatusEnum::RESTARTING,
        Status::Removing => ContainerStateStatusEnum::REMOVING,
        Status::Exited => ContainerStateStatusEnum::EXITED,
        Status::Dead => ContainerStateStatusEnum::DEAD,
    }
}

fn health(health: &HealthSnapshot) -> Health {
    let log = health.log.iter().map(|probe| HealthcheckResult {
        start: Some(probe.start),
        end: Some(probe.end),
        exit_code: Some(probe.exit_code),
        output: Some(probe.output.clone()),
    });
    Health {
        status: Some(match health.status {
            HealthStatus::Starting => HealthStatusEnum::STARTING,
            HealthStatus::Healthy => HealthStatusEnum::HEALTHY,
            HealthStatus::Unhealthy => HealthStatusEnum::UNHEALTHY,
        }),
        failing_streak: Some(health.failing_streak.into()),
        log: Some(log.collect()),
    }
}

/// A mount, as `inspect` and `ps` show it.
pub(crate) fn mount_point(mount: &MountSnapshot) -> MountPoint {
    MountPoint {
        typ: Some(match mount.kind {
            MountType::Bind => "bind".to_owned(),
            MountType::Volume => "volume".to_owned(),
            MountType::Tmpfs => "tmpfs".to_owned(),
        }),
        name: mount.name.as_ref().map(ToString::to_string),
        source: Some(mount.source.display().to_string()),
        destination: Some(mount.destination.display().to_string()),
        driver: (mount.kind == MountType::Volume).then(|| "local".to_owned()),
        mode: Some(if mount.read_write { String::new() } else { "ro".to_owned() }),
        rw: Some(mount.read_write),
        propagation: Some(match (mount.kind, mount.propagation) {
            (_, Some(propagation)) => propagation.as_str().to_owned(),
            (MountType::Bind, None) => "rprivate".to_owned(),
            _ => String::new(),
        }),
    }
}

/// The networks of a container by name.
pub(crate) fn endpoints(snapshot: &ContainerSnapshot) -> HashMap<String, EndpointSettings> {
    snapshot.networks.iter().map(|(name, place)| (name.clone(), endpoint(place))).collect()
}

fn endpoint(place: &EndpointSnapshot) -> EndpointSettings {
    let requested = &place.requested;
    let fixed = requested.ipv4.is_some() || requested.ipv6.is_some();
    EndpointSettings {
        ipam_config: fixed.then(|| EndpointIpamConfig {
            ipv4_address: requested.ipv4.map(|address| address.to_string()),
            ipv6_address: requested.ipv6.map(|address| address.to_string()),
            link_local_ips: None,
        }),
        links: (!requested.links.is_empty()).then(|| requested.links.clone()),
        mac_address: Some(place.mac.clone().unwrap_or_default()),
        aliases: (!requested.aliases.is_empty()).then(|| requested.aliases.clone()),
        driver_opts: (!requested.driver_options.is_empty()).then(|| map(&requested.driver_options)),
        gw_priority: Some(requested.gateway_priority),
        network_id: Some(place.network_id.to_string()),
        endpoint_id: Some(place.endpoint_id.as_ref().map(ToString::to_string).unwrap_or_default()),
        gateway: Some(place.gateway4.map(|address| address.to_string()).unwrap_or_default()),
        ip_address: Some(place.ipv4.map(|(address, _)| address.to_string()).unwrap_or_default()),
        ip_prefix_len: Some(place.ipv4.map(|(_, length)| signed(length.into())).unwrap_or_default()),
        ipv6_gateway: Some(place.gateway6.map(|address| address.to_string()).unwrap_or_default()),
        global_ipv6_address: Some(place.ipv6.map(|(address, _)| address.to_string()).unwrap_or_default()),
        global_ipv6_prefix_len: Some(place.ipv6.map(|(_, length)| signed(length.into())).unwrap_or_default()),
        dns_names: Some(place.dns_names.clone()),
    }
}
