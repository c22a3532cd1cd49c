//! [`ContainerSnapshot`] to `ContainerInspectResponse`.

mod config;
mod host;
mod state;

pub(crate) use state::{endpoints, mount_point};

use super::{map, signed};
use bollard_stubs::models::{ContainerInspectResponse, DriverData, NetworkSettings, PortBinding, PortMap};
use engine::snapshot::{ContainerSnapshot, PortSnapshot};
use std::{collections::HashMap, path::Path};

/// All that `docker inspect` shows of a container.
pub(crate) fn container(snapshot: &ContainerSnapshot) -> ContainerInspectResponse {
    let argv = snapshot.process.argv();
    let (path, arguments) =
        argv.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first.clone()), rest));
    ContainerInspectResponse {
        id: Some(snapshot.id.to_string()),
        created: Some(snapshot.created),
        path,
        args: Some(arguments.to_vec()),
        state: Some(state::state(&snapshot.state)),
        image: Some(snapshot.image_id.clone()),
        resolv_conf_path: path_text(&snapshot.resolv_conf_path),
        hostname_path: path_text(&snapshot.hostname_path),
        hosts_path: path_text(&snapshot.hosts_path),
        log_path: path_text(&snapshot.log_path),
        name: Some(format!("/{}", snapshot.name)),
        restart_count: Some(snapshot.restart_count.into()),
        driver: Some("overlay2".to_owned()),
        platform: Some("linux".to_owned()),
        mount_label: Some(String::new()),
        process_label: Some(String::new()),
        app_armor_profile: Some(snapshot.spec.security.apparmor.clone().unwrap_or_default()),
        exec_ids: (!snapshot.execs.is_empty())
            .then(|| snapshot.execs.iter().map(ToString::to_string).collect()),
        host_config: Some(host::host_config(snapshot)),
        graph_driver: Some(graph_driver(snapshot)),
        size_rw: snapshot.size_rw.map(signed),
        size_root_fs: snapshot.size_root_fs.map(signed),
        mounts: Some(snapshot.mounts.iter().map(mount_point).collect()),
        config: Some(config::config(snapshot)),
        network_settings: Some(network_settings(snapshot)),
        ..ContainerInspectResponse::default()
    }
}

fn path_text(path: &Path) -> Option<String> {
    Some(path.display().to_string())
}

fn graph_driver(snapshot: &ContainerSnapshot) -> DriverData {
    let lower: Vec<String> = snapshot.lower_dirs.iter().map(|dir| dir.display().to_string()).collect();
    let data = [
        ("LowerDir", lower.join(":")),
        ("UpperDir", snapshot.upper_dir.display().to_string()),
        ("WorkDir", snapshot.work_dir.display().to_string()),
    ];
    DriverData {
        name: "overlay2".to_owned(),
        data: data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}

fn network_settings(snapshot: &ContainerSnapshot) -> NetworkSettings {
    NetworkSettings {
        sandbox_id: Some(snapshot.sandbox.as_ref().map(|_| snapshot.id.to_string()).unwrap_or_default()),
        sandbox_key: Some(
            snapshot.sandbox.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        ),
        ports: Some(ports(&snapshot.ports)),
        networks: Some(endpoints(snapshot)),
    }
}

/// Ports as `{"80/tcp": [{"HostIp": …, "HostPort": …}]}`, null for those that are exposed only.
fn ports(ports: &[PortSnapshot]) -> PortMap {
    let mut all: PortMap = HashMap::new();
    for port in ports {
        let bindings = all.entry(port.container.to_string()).or_default();
        if let Some((address, number)) = port.host {
            bindings.get_or_insert_default().push(PortBinding {
                host_ip: Some(address.to_string()),
                host_port: Some(number.to_string()),
            });
        }
    }
    all
}

/// The labels of a container, the image's included.
pub(crate) fn labels(snapshot: &ContainerSnapshot) -> HashMap<String, String> {
    map(&snapshot.process.labels)
}
