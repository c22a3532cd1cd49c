//! A service in its flat form.

use super::build::build;
use super::deploy::deploy;
use super::object::Object;
use super::values::{bytes, cpus, duration, escape, escape_all, file_mode};
use crate::model::{
    Attachment, BlockIo, Dependency, FileReference, HealthTest, Healthcheck, Lifecycle, Mount, MountKind,
    Networking, Port, PortMode, Process, PullPolicy, Resources, RestartPolicy, Security, Service,
    ServiceNetwork, Storage, Ulimit, VolumesFromSource,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Every key of a service that is not at its default.
pub(crate) fn service_object(service: &Service) -> Map<String, Value> {
    let mut out = Object::default();
    out.text("image", service.image.as_deref());
    if let Some(given) = &service.build {
        out.object("build", build(given));
    }
    out.text("platform", service.platform.as_deref());
    out.option("pull_policy", service.pull_policy.as_ref().map(pull_policy));
    out.text("container_name", service.container_name.as_deref());
    out.pairs("labels", &service.labels);
    out.pairs("annotations", &service.annotations);
    out.texts("profiles", &service.profiles);
    if !service.attach {
        out.set("attach", false);
    }
    if let Some(logging) = &service.logging {
        let mut object = Object::default();
        object.text("driver", logging.driver.as_deref());
        object.pairs("options", &logging.options);
        out.object("logging", object);
    }
    out.text("runtime", service.runtime.as_deref());
    process(&mut out, &service.process);
    networking(&mut out, &service.networking);
    storage(&mut out, &service.storage);
    security(&mut out, &service.security);
    resources(&mut out, &service.resources);
    lifecycle(&mut out, &service.lifecycle);
    if let Some(given) = &service.deploy {
        out.object("deploy", deploy(given));
    }
    if service.replicas != 1 && service.deploy.as_ref().and_then(|deploy| deploy.replicas).is_none() {
        out.set("scale", service.replicas);
    }
    for (key, value) in &service.extensions {
        out.set(key, escape_all(value.clone()));
    }
    out.0
}

fn pull_policy(policy: &PullPolicy) -> String {
    match policy {
        PullPolicy::Always => "always".to_owned(),
        PullPolicy::Never => "never".to_owned(),
        PullPolicy::Missing => "missing".to_owned(),
        PullPolicy::Build => "build".to_owned(),
        PullPolicy::Refresh { seconds } => format!("every_{seconds}s"),
    }
}

fn process(out: &mut Object, process: &Process) {
    let words = |words: &Vec<String>| words.iter().map(|word| escape(word)).collect::<Vec<_>>();
    out.option("command", process.command.as_ref().map(words));
    out.option("entrypoint", process.entrypoint.as_ref().map(words));
    out.optional_pairs("environment", &process.environment);
    out.text("working_dir", process.working_dir.as_deref());
    out.text("user", process.user.as_deref());
    out.texts("group_add", &process.group_add);
    out.flag("stdin_open", process.stdin_open);
    out.flag("tty", process.tty);
    out.option("init", process.init);
    out.text("hostname", process.hostname.as_deref());
    out.text("domainname", process.domainname.as_deref());
}

fn networking(out: &mut Object, networking: &Networking) {
    let mode = match &networking.attachment {
        Attachment::Networks(networks) => {
            let entry = |network: &ServiceNetwork| {
                let object = service_network(network);
                if object.0.is_empty() { Value::Null } else { object.into() }
            };
            let networks: Map<String, Value> =
                networks.iter().map(|(key, n)| (key.to_string(), entry(n))).collect();
            out.set("networks", Value::Object(networks));
            None
        }
        Attachment::Bridge => Some("bridge".to_owned()),
        Attachment::Host => Some("host".to_owned()),
        Attachment::None => Some("none".to_owned()),
        Attachment::Service(service) => Some(format!("service:{service}")),
        Attachment::Container(container) => Some(format!("container:{}", escape(container))),
        Attachment::Named(name) => Some(escape(name)),
    };
    out.option("network_mode", mode);
    out.list("ports", networking.ports.iter().map(port));
    out.list(
        "expose",
        networking.expose.iter().map(|e| match e.protocol.as_str() {
            "tcp" => e.port.to_string(),
            protocol => format!("{}/{protocol}", e.port),
        }),
    );
    out.list("dns", networking.dns.iter().map(ToString::to_string));
    out.texts("dns_search", &networking.dns_search);
    out.texts("dns_opt", &networking.dns_opt);
    let hosts = networking
        .extra_hosts
        .iter()
        .flat_map(|(host, ips)| ips.iter().map(move |ip| format!("{host}={ip}")));
    out.list("extra_hosts", hosts.map(|host| escape(&host)));
    out.list(
        "links",
        networking.links.iter().map(|link| escape(&format!("{}:{}", link.service, link.alias))),
    );
    out.list(
        "external_links",
        networking.external_links.iter().map(|(name, alias)| escape(&format!("{name}:{alias}"))),
    );
    out.option("mac_address", networking.mac_address.map(String::from));
}

fn service_network(network: &ServiceNetwork) -> Object {
    let mut out = Object::default();
    out.texts("aliases", &network.aliases);
    out.option("ipv4_address", network.ipv4_address.map(|ip| ip.to_string()));
    out.option("ipv6_address", network.ipv6_address.map(|ip| ip.to_string()));
    out.list("link_local_ips", network.link_local_ips.iter().map(ToString::to_string));
    out.option("mac_address", network.mac_address.map(String::from));
    out.option("priority", Some(network.priority).filter(|priority| *priority != 0));
    out.option("gw_priority", Some(network.gw_priority).filter(|priority| *priority != 0));
    out.text("interface_name", network.interface_name.as_deref());
    out.pairs("driver_opts", &network.driver_opts);
    out
}

fn port(port: &Port) -> Object {
    let mut out = Object::default();
    out.text("name", port.name.as_deref());
    out.set(
        "mode",
        match port.mode {
            PortMode::Ingress => "ingress",
            PortMode::Host => "host",
        },
    );
    out.option("host_ip", port.host_ip.map(|ip| ip.to_string()));
    out.set("target", port.target);
    out.option(
        "published",
        port.published.map(|range| match range.start == range.end {
            true => range.start.to_string(),
            false => format!("{}-{}", range.start, range.end),
        }),
    );
    out.set("protocol", port.protocol.as_str());
    out.text("app_protocol", port.app_protocol.as_deref());
    out
}

fn storage(out: &mut Object, storage: &Storage) {
    out.list("volumes", storage.mounts.iter().map(mount));
    out.list(
        "tmpfs",
        storage.tmpfs.iter().map(|tmpfs| match tmpfs.options.as_str() {
            "" => escape(&tmpfs.target),
            options => escape(&format!("{}:{options}", tmpfs.target)),
        }),
    );
    out.list(
        "volumes_from",
        storage.volumes_from.iter().map(|from| {
            let source = match &from.source {
                VolumesFromSource::Service(service) => service.to_string(),
                VolumesFromSource::Container(container) => format!("container:{container}"),
            };
            escape(&if from.read_only { format!("{source}:ro") } else { source })
        }),
    );
    out.list("secrets", storage.secrets.iter().map(file_reference));
    out.list("configs", storage.configs.iter().map(file_reference));
    out.flag("read_only", storage.read_only);
    out.pairs("storage_opt", &storage.storage_opt);
}

fn mount(mount: &Mount) -> Object {
    let mut out = Object::default();
    let mut options = Object::default();
    let kind = match &mount.kind {
        MountKind::Bind(bind) => {
            out.set("source", escape(&bind.source.display().to_string()));
            options.set("create_host_path", bind.create_host_path);
            options.text("propagation", bind.propagation.as_deref());
            options.text("recursive", bind.recursive.as_deref());
            options.text("selinux", bind.selinux.as_deref());
            "bind"
        }
        MountKind::Volume(volume) => {
            out.option("source", volume.source.as_ref().map(ToString::to_string));
            options.flag("nocopy", volume.nocopy);
            options.text("subpath", volume.subpath.as_deref());
            options.pairs("labels", &volume.labels);
            "volume"
        }
        MountKind::Tmpfs { size, mode } => {
            options.option("size", size.map(bytes));
            options.option("mode", mode.map(file_mode));
            "tmpfs"
        }
        MountKind::Image { source, subpath } => {
            out.set("source", escape(source));
            options.text("subpath", subpath.as_deref());
            "image"
        }
    };
    out.set("type", kind);
    out.set("target", escape(&mount.target));
    out.flag("read_only", mount.read_only);
    out.text("consistency", mount.consistency.as_deref());
    out.object(kind, options);
    out
}

/// A use of a secret or config.
pub(super) fn file_reference<K: std::fmt::Display>(reference: &FileReference<K>) -> Object {
    let mut out = Object::default();
    out.set("source", reference.source.to_string());
    out.set("target", escape(&reference.target));
    out.option("uid", reference.uid.map(|uid| uid.to_string()));
    out.option("gid", reference.gid.map(|gid| gid.to_string()));
    out.option("mode", reference.mode.map(file_mode));
    out
}

fn security(out: &mut Object, security: &Security) {
    out.flag("privileged", security.privileged);
    out.texts("cap_add", &security.cap_add);
    out.texts("cap_drop", &security.cap_drop);
    out.texts("security_opt", &security.security_opt);
    out.list(
        "devices",
        security.devices.iter().map(|device| {
            let mut out = Object::default();
            out.set("source", escape(&device.source));
            out.set("target", escape(&device.target));
            out.set("permissions", escape(&device.permissions));
            out
        }),
    );
    out.texts("device_cgroup_rules", &security.device_cgroup_rules);
    let modes = [
        ("ipc", &security.ipc),
        ("pid", &security.pid),
        ("uts", &security.uts),
        ("userns_mode", &security.userns_mode),
        ("cgroup", &security.cgroup),
        ("cgroup_parent", &security.cgroup_parent),
        ("isolation", &security.isolation),
    ];
    for (key, mode) in modes {
        out.text(key, mode.as_deref());
    }
    out.pairs("sysctls", &security.sysctls);
}

fn resources(out: &mut Object, resources: &Resources) {
    out.option("mem_limit", resources.mem_limit.map(bytes));
    out.option("mem_reservation", resources.mem_reservation.map(bytes));
    out.option("memswap_limit", resources.memswap_limit.map(|limit| limit.to_string()));
    out.option("mem_swappiness", resources.mem_swappiness);
    out.option("shm_size", resources.shm_size.map(bytes));
    out.option("cpus", resources.nano_cpus.map(cpus));
    out.option("cpu_count", resources.cpu_count);
    out.option("cpu_percent", resources.cpu_percent);
    out.option("cpu_shares", resources.cpu_shares);
    out.option("cpu_period", resources.cpu_period);
    out.option("cpu_quota", resources.cpu_quota);
    out.option("cpu_rt_period", resources.cpu_rt_period);
    out.option("cpu_rt_runtime", resources.cpu_rt_runtime);
    out.text("cpuset", resources.cpuset.as_deref());
    out.option("pids_limit", resources.pids_limit);
    out.flag("oom_kill_disable", resources.oom_kill_disable);
    out.option("oom_score_adj", resources.oom_score_adj);
    out.object("ulimits", ulimits(&resources.ulimits));
    if let Some(block) = &resources.blkio {
        out.object("blkio_config", block_io(block));
    }
}

/// `ulimits` of a service or a build.
pub(super) fn ulimits(limits: &BTreeMap<String, Ulimit>) -> Object {
    let mut out = Object::default();
    for (name, limit) in limits {
        let mut both = Object::default();
        both.set("soft", limit.soft);
        both.set("hard", limit.hard);
        out.set(name, both);
    }
    out
}

fn block_io(block: &BlockIo) -> Object {
    let mut out = Object::default();
    let device = |path: &str, key: &str, value: Value| {
        let mut out = Object::default();
        out.set("path", escape(path));
        out.set(key, value);
        out
    };
    out.option("weight", block.weight);
    out.list("weight_device", block.weight_device.iter().map(|d| device(&d.path, "weight", d.weight.into())));
    let rates = [
        ("device_read_bps", &block.device_read_bps),
        ("device_write_bps", &block.device_write_bps),
        ("device_read_iops", &block.device_read_iops),
        ("device_write_iops", &block.device_write_iops),
    ];
    for (key, list) in rates {
        out.list(key, list.iter().map(|d| device(&d.path, "rate", d.rate.into())));
    }
    out
}

fn lifecycle(out: &mut Object, lifecycle: &Lifecycle) {
    out.section("depends_on", &lifecycle.depends_on, dependency);
    if let Some(health) = &lifecycle.healthcheck {
        out.set("healthcheck", healthcheck(health));
    }
    let restart = match lifecycle.restart {
        RestartPolicy::No => None,
        RestartPolicy::Always => Some("always".to_owned()),
        RestartPolicy::UnlessStopped => Some("unless-stopped".to_owned()),
        RestartPolicy::OnFailure { max_retries: None } => Some("on-failure".to_owned()),
        RestartPolicy::OnFailure { max_retries: Some(max) } => Some(format!("on-failure:{max}")),
    };
    out.option("restart", restart);
    out.text("stop_signal", lifecycle.stop_signal.as_deref());
    out.option("stop_grace_period", lifecycle.stop_grace_period.map(duration));
}

fn dependency(dependency: &Dependency) -> Object {
    let mut out = Object::default();
    out.set("condition", dependency.condition.as_str());
    out.flag("restart", dependency.restart);
    out.set("required", dependency.required);
    out
}

fn healthcheck(health: &Healthcheck) -> Object {
    let mut out = Object::default();
    let words = |first: &str, rest: &[String]| -> Value {
        std::iter::once(first.to_owned()).chain(rest.iter().map(|word| escape(word))).collect()
    };
    match &health.test {
        HealthTest::Inherit => {}
        HealthTest::Disabled => out.set("test", words("NONE", &[])),
        HealthTest::Command(command) => out.set("test", words("CMD", command)),
        HealthTest::Shell(line) => out.set("test", words("CMD-SHELL", std::slice::from_ref(line))),
    }
    out.option("interval", health.interval.map(duration));
    out.option("timeout", health.timeout.map(duration));
    out.option("retries", health.retries);
    out.option("start_period", health.start_period.map(duration));
    out.option("start_interval", health.start_interval.map(duration));
    out
}
