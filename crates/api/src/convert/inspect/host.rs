//! `HostConfig`: what was asked of the host.

use crate::convert::{map, signed};
use bollard_stubs::models::{
    self, HostConfig, HostConfigCgroupnsModeEnum, HostConfigIsolationEnum, HostConfigLogConfig, Mount,
    MountBindOptions, MountTmpfsOptions, MountVolumeOptions, MountVolumeOptionsDriverConfig, PortMap,
    RestartPolicyNameEnum,
};
use engine::{
    snapshot::ContainerSnapshot,
    spec::{
        ContainerSpec, Declared, IpcMode, LogDriver, MemorySwap, MountKind, MountSpec, NamespaceMode,
        PidsLimit, Resources, RestartPolicy, SeccompChoice,
    },
};
use std::collections::HashMap;

pub(super) fn host_config(snapshot: &ContainerSnapshot) -> HostConfig {
    let spec = &*snapshot.spec;
    let security = &spec.security;
    let network = &spec.network;
    HostConfig {
        cgroup_parent: Some(spec.cgroup_parent.clone().unwrap_or_default()),
        init: spec.init,
        binds: some(spec.mounts.iter().filter_map(bind).collect()),
        mounts: some(
            spec.mounts.iter().filter(|mount| mount.declared == Declared::Long).map(mount).collect(),
        ),
        tmpfs: tmpfs(spec),
        log_config: Some(log(spec)),
        network_mode: Some(network.mode.to_string()),
        port_bindings: Some(port_bindings(spec)),
        publish_all_ports: Some(network.publish_all),
        restart_policy: Some(restart(&spec.restart)),
        auto_remove: Some(spec.auto_remove),
        volumes_from: some(spec.volumes_from.clone()),
        console_size: Some(spec.streams.console_size.map_or(vec![0, 0], |(w, h)| vec![h.into(), w.into()])),
        annotations: (!spec.annotations.is_empty()).then(|| map(&spec.annotations)),
        cap_add: some(security.cap_add.clone()),
        cap_drop: some(security.cap_drop.clone()),
        cgroupns_mode: Some(match snapshot.own_cgroup {
            true => HostConfigCgroupnsModeEnum::PRIVATE,
            false => HostConfigCgroupnsModeEnum::HOST,
        }),
        cgroup: Some(String::new()),
        container_id_file: Some(String::new()),
        volume_driver: Some(String::new()),
        isolation: Some(HostConfigIsolationEnum::EMPTY),
        dns: Some(network.dns.iter().map(ToString::to_string).collect()),
        dns_options: Some(network.dns_options.clone()),
        dns_search: Some(network.dns_search.clone()),
        extra_hosts: some(network.extra_hosts.iter().map(extra_host).collect()),
        group_add: some(security.group_add.clone()),
        ipc_mode: Some(ipc(&security.ipc)),
        links: some(network.links.clone()),
        pid_mode: Some(namespace(&security.pid)),
        privileged: Some(security.privileged),
        readonly_rootfs: Some(security.read_only_rootfs),
        security_opt: some(security_options(spec)),
        uts_mode: Some(namespace(&security.uts)),
        userns_mode: Some(namespace(&security.user)),
        shm_size: Some(signed(spec.shm_size.unwrap_or(64 << 20))),
        sysctls: (!spec.sysctls.is_empty()).then(|| map(&spec.sysctls)),
        runtime: Some(spec.runtime.clone().unwrap_or_else(|| "berth".to_owned())),
        masked_paths: Some(security.masked()),
        readonly_paths: Some(security.made_readonly()),
        ..resources(&spec.resources)
    }
}

fn some<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

fn resources(limits: &Resources) -> HostConfig {
    let number = |value: Option<u64>| Some(value.map(signed).unwrap_or_default());
    HostConfig {
        cpu_count: Some(0),
        cpu_percent: Some(0),
        io_maximum_iops: Some(0),
        io_maximum_bandwidth: Some(0),
        cpu_shares: number(limits.cpu_shares),
        memory: number(limits.memory),
        blkio_weight: Some(limits.blkio_weight.unwrap_or_default()),
        cpu_period: number(limits.cpu_period),
        cpu_quota: Some(limits.cpu_quota.unwrap_or_default()),
        cpu_realtime_period: number(limits.cpu_realtime_period),
        cpu_realtime_runtime: Some(limits.cpu_realtime_runtime.unwrap_or_default()),
        cpuset_cpus: Some(limits.cpuset_cpus.clone().unwrap_or_default()),
        cpuset_mems: Some(limits.cpuset_mems.clone().unwrap_or_default()),
        devices: Some(limits.devices.iter().map(device).collect()),
        device_cgroup_rules: some(limits.device_cgroup_rules.clone()),
        memory_reservation: number(limits.memory_reservation),
        memory_swap: Some(match limits.memory_swap {
            // As much swap as memory, when nothing is said.
            None => limits.memory.map_or(0, |memory| signed(memory.saturating_mul(2))),
            Some(MemorySwap::Unlimited) => -1,
            Some(MemorySwap::Bytes(bytes)) => signed(bytes),
        }),
        memory_swappiness: limits.memory_swappiness.map(signed),
        nano_cpus: number(limits.nano_cpus),
        oom_kill_disable: Some(limits.oom_kill_disable),
        oom_score_adj: Some(limits.oom_score_adj.unwrap_or_default().into()),
        pids_limit: limits.pids_limit.map(|limit| match limit {
            PidsLimit::Max(count) => signed(count),
            PidsLimit::Unlimited => -1,
        }),
        ulimits: some(limits.ulimits.iter().map(ulimit).collect()),
        ..HostConfig::default()
    }
}

fn ulimit(limit: &engine::spec::Ulimit) -> models::ResourcesUlimits {
    let bound = |value: Option<u64>| Some(value.map_or(-1, signed));
    models::ResourcesUlimits {
        name: Some(limit.name.clone()),
        soft: bound(limit.soft),
        hard: bound(limit.hard),
    }
}

fn device(mapping: &engine::spec::DeviceMapping) -> models::DeviceMapping {
    models::DeviceMapping {
        path_on_host: Some(mapping.host.display().to_string()),
        path_in_container: Some(mapping.container.display().to_string()),
        cgroup_permissions: Some(mapping.access.to_string()),
    }
}

fn extra_host(host: &engine::spec::ExtraHost) -> String {
    match host.address {
        engine::spec::HostAddress::Ip(address) => format!("{}:{address}", host.name),
        engine::spec::HostAddress::HostGateway => format!("{}:host-gateway", host.name),
    }
}

fn restart(policy: &RestartPolicy) -> models::RestartPolicy {
    let (name, retries) = match policy {
        RestartPolicy::No => (RestartPolicyNameEnum::NO, 0),
        RestartPolicy::Always => (RestartPolicyNameEnum::ALWAYS, 0),
        RestartPolicy::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, 0),
        RestartPolicy::OnFailure { max } => (RestartPolicyNameEnum::ON_FAILURE, max.unwrap_or_default()),
    };
    models::RestartPolicy { name: Some(name), maximum_retry_count: Some(retries.into()) }
}

fn log(spec: &ContainerSpec) -> HostConfigLogConfig {
    let mut config = HashMap::new();
    if let Some(size) = spec.log.max_size {
        config.insert("max-size".to_owned(), size_text(size));
    }
    if spec.log.max_file > 1 {
        config.insert("max-file".to_owned(), spec.log.max_file.to_string());
    }
    let driver = match spec.log.driver {
        LogDriver::JsonFile => "json-file",
        LogDriver::None => "none",
    };
    HostConfigLogConfig { typ: Some(driver.to_owned()), config: Some(config) }
}

/// A size as a user writes it: in the largest unit that leaves no rest.
fn size_text(bytes: u64) -> String {
    let units = [(30, "g"), (20, "m"), (10, "k")];
    let fits = |(shift, _): &&(u32, &str)| bytes > 0 && bytes.trailing_zeros() >= *shift;
    match units.iter().find(fits) {
        Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

fn port_bindings(spec: &ContainerSpec) -> PortMap {
    let mut all: PortMap = HashMap::new();
    for binding in &spec.network.ports {
        let list = all.entry(binding.container.to_string()).or_default().get_or_insert_default();
        list.push(models::PortBinding {
            host_ip: Some(binding.host_ip.map(|address| address.to_string()).unwrap_or_default()),
            host_port: Some(binding.host_port.to_string()),
        });
    }
    all
}

fn namespace(mode: &NamespaceMode) -> String {
    match mode {
        NamespaceMode::Private => String::new(),
        NamespaceMode::Host => "host".to_owned(),
        NamespaceMode::Container(container) => format!("container:{container}"),
    }
}

fn ipc(mode: &IpcMode) -> String {
    match mode {
        IpcMode::Private => "private".to_owned(),
        IpcMode::Shareable => "shareable".to_owned(),
        IpcMode::None => "none".to_owned(),
        IpcMode::Host => "host".to_owned(),
        IpcMode::Container(container) => format!("container:{container}"),
    }
}

fn security_options(spec: &ContainerSpec) -> Vec<String> {
    let security = &spec.security;
    let mut options = Vec::new();
    if security.no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    match &security.seccomp {
        SeccompChoice::Default => {}
        SeccompChoice::Unconfined => options.push("seccomp=unconfined".to_owned()),
        SeccompChoice::Profile(profile) => options.push(format!("seccomp={profile}")),
    }
    options.extend(security.apparmor.iter().map(|profile| format!("apparmor={profile}")));
    options.extend(security.selinux.iter().map(|(key, value)| format!("label={key}:{value}")));
    options
}

fn bind(mount: &MountSpec) -> Option<String> {
    if mount.declared != Declared::Short {
        return None;
    }
    let (source, mut options) = match &mount.kind {
        MountKind::Bind(bind) => (
            bind.source.display().to_string(),
            bind.propagation.iter().map(|p| p.as_str()).collect::<Vec<_>>(),
        ),
        MountKind::Volume(volume) => {
            (volume.name.as_ref()?.to_string(), if volume.no_copy { vec!["nocopy"] } else { vec![] })
        }
        MountKind::Tmpfs(_) => return None,
    };
    if mount.read_only {
        options.insert(0, "ro");
    }
    let suffix = if options.is_empty() { String::new() } else { format!(":{}", options.join(",")) };
    Some(format!("{source}:{}{suffix}", mount.target.display()))
}

fn mount(mount: &MountSpec) -> Mount {
    let mut shown = Mount {
        target: Some(mount.target.display().to_string()),
        read_only: mount.read_only.then_some(true),
        ..Mount::default()
    };
    match &mount.kind {
        MountKind::Bind(bind) => {
            shown.typ = Some(models::MountType::BIND);
            shown.source = Some(bind.source.display().to_string());
            shown.bind_options = bind
                .propagation
                .and_then(|value| value.as_str().parse().ok())
                .map(|value| MountBindOptions { propagation: Some(value), ..MountBindOptions::default() });
        }
        MountKind::Volume(volume) => {
            shown.typ = Some(models::MountType::VOLUME);
            shown.source = volume.name.as_ref().map(ToString::to_string);
            let options = MountVolumeOptions {
                no_copy: volume.no_copy.then_some(true),
                labels: (!volume.labels.is_empty()).then(|| map(&volume.labels)),
                driver_config: volume.driver.clone().map(|name| MountVolumeOptionsDriverConfig {
                    name: Some(name),
                    options: Some(map(&volume.driver_options)),
                }),
                subpath: volume.subpath.as_ref().map(|path| path.display().to_string()),
            };
            shown.volume_options = (options != MountVolumeOptions::default()).then_some(options);
        }
        MountKind::Tmpfs(tmpfs) => {
            shown.typ = Some(models::MountType::TMPFS);
            shown.tmpfs_options = Some(MountTmpfsOptions {
                size_bytes: tmpfs.size.map(signed),
                mode: tmpfs.mode.map(Into::into),
                options: None,
            });
        }
    }
    shown
}

fn tmpfs(spec: &ContainerSpec) -> Option<HashMap<String, String>> {
    let mounts = spec.mounts.iter().filter(|mount| mount.declared == Declared::Short);
    let found: HashMap<String, String> = mounts
        .filter_map(|mount| match &mount.kind {
            MountKind::Tmpfs(tmpfs) => {
                let mut options = tmpfs.options.clone();
                options.extend(tmpfs.size.map(|size| format!("size={}", size_text(size))));
                options.extend(tmpfs.mode.map(|mode| format!("mode={mode:o}")));
                Some((mount.target.display().to_string(), options.join(",")))
            }
            _ => None,
        })
        .collect();
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::size_text;

    #[test]
    fn sizes_are_shown_in_the_unit_they_were_given_in() {
        let shown: Vec<String> = [0, 1000, 1 << 10, 10 << 20, 1 << 30].map(size_text).into();
        assert_eq!(shown, ["0", "1000", "1k", "10m", "1g"]);
    }
}
