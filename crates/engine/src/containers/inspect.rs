//! Snapshots of containers.

use crate::{
    Engine,
    error::EngineError,
    id::NetworkId,
    records::{MountRecord, RunRecord},
    snapshot::{ContainerSnapshot, EndpointSnapshot, MountSnapshot, PortSnapshot, StateSnapshot},
    spec::{ContainerPort, NetworkMode, Protocol},
    state::{Container, State},
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    sync::Arc,
};

impl Engine {
    /// Everything about a container; with `size` its files are counted.
    pub async fn inspect(&self, reference: &str, size: bool) -> Result<ContainerSnapshot, EngineError> {
        let snapshot = {
            let state = self.state();
            let id = state.find(reference)?;
            self.snapshot(&state, state.container(&id)?)
        };
        if size { self.with_size(snapshot).await } else { Ok(snapshot) }
    }

    /// Counts the bytes of a container's files.
    pub(crate) async fn with_size(
        &self,
        mut snapshot: ContainerSnapshot,
    ) -> Result<ContainerSnapshot, EngineError> {
        self.blocking(move |engine| {
            let own = crate::disk::tree_size(&snapshot.upper_dir);
            let image =
                engine.store().resolve(&snapshot.image_id).map(|image| image.size).unwrap_or_default();
            snapshot.size_rw = Some(own);
            snapshot.size_root_fs = Some(own + image);
            Ok(snapshot)
        })
        .await
    }

    /// Copies everything about a container out of the state.
    pub(crate) fn snapshot(&self, state: &State, container: &Container) -> ContainerSnapshot {
        let record = &container.record;
        let (dir, run_dir) = (self.container_dir(&record.id), self.container_run(&record.id));
        let run = container.state.phase.run().filter(|_| container.state.phase.is_running());
        let lower_dirs = self.store().resolve(&record.image_id).map(|image| self.store().lower_dirs(&image));
        ContainerSnapshot {
            id: record.id.clone(),
            name: record.name.clone(),
            created: record.created,
            image_id: record.image_id.clone(),
            spec: Arc::new(record.spec.clone()),
            process: Arc::new(record.process.clone()),
            state: state_snapshot(container),
            restart_count: container.state.restart_count,
            hostname: record.hostname.clone(),
            networks: networks(state, container, run),
            sandbox: container
                .pid()
                .filter(|_| run.is_some())
                .map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net"))),
            ports: ports(container, run),
            mounts: record.mounts.iter().map(mount).collect(),
            execs: state
                .execs
                .values()
                .filter(|exec| exec.container == record.id && exec.is_running())
                .map(|exec| exec.id.clone())
                .collect(),
            log_path: self.log_path(&record.id),
            hosts_path: run_dir.join("hosts"),
            hostname_path: run_dir.join("hostname"),
            resolv_conf_path: run_dir.join("resolv.conf"),
            upper_dir: dir.join("upper"),
            work_dir: dir.join("work"),
            lower_dirs: lower_dirs.unwrap_or_default(),
            own_cgroup: record.spec.security.has_own_cgroup(self.inner.host.cgroup_v2),
            size_rw: None,
            size_root_fs: None,
        }
    }
}

fn state_snapshot(container: &Container) -> StateSnapshot {
    let state = &container.state;
    let running = state.phase.is_running();
    StateSnapshot {
        status: container.status(),
        pid: container.pid().filter(|_| running),
        exit_code: if running { 0 } else { state.exit_code },
        error: state.error.clone(),
        oom_killed: state.oom_killed,
        started_at: state.started_at,
        finished_at: state.finished_at,
        health: container.live.health.as_ref().map(crate::health::Health::snapshot),
    }
}

fn mount(record: &MountRecord) -> MountSnapshot {
    MountSnapshot {
        kind: record.kind,
        name: record.volume.clone(),
        anonymous: record.anonymous,
        source: record.source.clone(),
        destination: record.target.clone(),
        read_write: !record.read_only,
        propagation: record.propagation,
        declared: record.declared,
    }
}

/// The container's places; for the modes without a network of their own, the mode's name alone, as Docker shows it.
fn networks(
    state: &State,
    container: &Container,
    run: Option<&RunRecord>,
) -> BTreeMap<String, EndpointSnapshot> {
    let record = &container.record;
    if let NetworkMode::Host | NetworkMode::None = record.spec.network.mode {
        return BTreeMap::new();
    }
    let places = record.networks.iter().filter_map(|(id, requested)| {
        let network = state.networks.get(id)?;
        let endpoint = run
            .and_then(|run| run.endpoints.iter().find(|endpoint| endpoint.network.as_str() == id.as_str()));
        let subnet = |v4: bool| network.spec.subnets.iter().find(|subnet| subnet.net.addr().is_ipv4() == v4);
        let length = |v4: bool| subnet(v4).map_or(0, |subnet| subnet.net.prefix_len());
        let gateway = |v4: bool| {
            subnet(v4).map(|subnet| subnet.gateway).filter(|_| endpoint.is_some() && !network.spec.internal)
        };
        let mut dns_names = vec![record.name.clone()];
        dns_names.extend(crate::networking::dns_aliases(record, requested));
        let place = EndpointSnapshot {
            network_id: id.clone(),
            endpoint_id: endpoint.map(|_| endpoint_id(&record.id, id)),
            requested: requested.clone(),
            dns_names,
            ipv4: endpoint.and_then(|endpoint| endpoint.ipv4).map(|address| (address, length(true))),
            gateway4: gateway(true).and_then(v4),
            ipv6: endpoint.and_then(|endpoint| endpoint.ipv6).map(|address| (address, length(false))),
            gateway6: gateway(false).and_then(v6),
            mac: endpoint.map(|endpoint| endpoint.mac.to_string()),
        };
        Some((network.name.clone(), place))
    });
    places.collect()
}

/// A stable identifier of a container's place in a network.
pub(crate) fn endpoint_id(container: &crate::id::ContainerId, network: &NetworkId) -> crate::id::EndpointId {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(format!("{container}{network}"));
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    crate::id::EndpointId::try_from(text).unwrap_or_else(|_| crate::id::EndpointId::random())
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn v6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}

/// Published ports with their host side, then those that are exposed only.
fn ports(container: &Container, run: Option<&RunRecord>) -> Vec<PortSnapshot> {
    let mut all = Vec::new();
    for port in run.iter().flat_map(|run| &run.ports) {
        let protocol = match port.protocol {
            network::Protocol::Tcp => Protocol::Tcp,
            network::Protocol::Udp => Protocol::Udp,
        };
        let inside = ContainerPort { port: port.container_port, protocol };
        let everywhere = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let hosts = port.host_ip.map_or(everywhere.to_vec(), |address| vec![address]);
        all.extend(
            hosts
                .into_iter()
                .map(|host| PortSnapshot { container: inside, host: Some((host, port.host_port)) }),
        );
    }
    let exposed = container.record.process.exposed.iter();
    let unpublished: Vec<PortSnapshot> = exposed
        .filter(|port| !all.iter().any(|known: &PortSnapshot| known.container == **port))
        .map(|port| PortSnapshot { container: *port, host: None })
        .collect();
    all.extend(unpublished);
    all.sort_by_key(|port| port.container);
    all
}
