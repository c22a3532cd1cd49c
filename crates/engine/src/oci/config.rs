//! The OCI configuration of a container.

use super::{
    capabilities::{self, CapabilityError},
    limits::{self, LimitError},
    mounts::{self, ReadyMount},
    resolve,
    seccomp::{self, Conditions, ProfileError},
};
use crate::{
    snapshot::ResolvedProcess,
    spec::{ContainerSpec, SeccompChoice},
};
use beneath::Identity;
use oci_spec::runtime::{
    Capability, Linux, LinuxCapabilitiesBuilder, LinuxDevice, LinuxDeviceBuilder, LinuxDeviceType,
    LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType, LinuxSeccomp, Process, RootBuilder, Spec,
    UserBuilder,
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// What a configuration is made of, looked up beforehand.
pub(crate) struct Inputs<'a> {
    pub(crate) spec: &'a ContainerSpec,
    pub(crate) process: &'a ResolvedProcess,
    /// The user in the image's own account files, supplementary groups included (also `--group-add`).
    pub(crate) identity: &'a Identity,
    /// Empty keeps the namespace's name.
    pub(crate) hostname: &'a str,
    /// Where the root file system is mounted.
    pub(crate) rootfs: &'a Path,
    pub(crate) mounts: &'a [ReadyMount],
    pub(crate) files: EtcFiles,
    /// Another's /dev/shm (`--ipc host` or `container:`); none makes one.
    pub(crate) shm: Option<PathBuf>,
    pub(crate) namespaces: Namespaces,
    pub(crate) devices: &'a [HostDevice],
    /// Control group below each hierarchy's root (`/berth/<id>`).
    pub(crate) cgroup: PathBuf,
    pub(crate) cgroup_v2: bool,
    /// The kernel's (major, minor).
    pub(crate) kernel: (u32, u32),
    /// Capabilities that the engine itself may give away; others are left out.
    pub(crate) available: &'a [Capability],
    /// Finds the numbers of a block device.
    pub(crate) block_device: &'a dyn Fn(&Path) -> Option<(i64, i64)>,
}

/// The files below /etc that the engine makes.
#[derive(Debug, Clone, Default)]
pub(crate) struct EtcFiles {
    pub(crate) resolv_conf: Option<PathBuf>,
    pub(crate) hostname: Option<PathBuf>,
    pub(crate) hosts: Option<PathBuf>,
}

/// Whose namespace is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum NamespaceChoice {
    /// A new one.
    #[default]
    New,
    /// The host's.
    Host,
    /// This one.
    Path(PathBuf),
}

/// The namespaces that are not always the container's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespaces {
    pub(crate) network: NamespaceChoice,
    pub(crate) pid: NamespaceChoice,
    pub(crate) ipc: NamespaceChoice,
    pub(crate) uts: NamespaceChoice,
}

/// A device of the host that the container gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostDevice {
    /// Path in the container.
    pub(crate) path: PathBuf,
    pub(crate) block: bool,
    pub(crate) major: i64,
    pub(crate) minor: i64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// `rwm`
    pub(crate) access: String,
}

/// Why no configuration can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A capability does not exist.
    #[error(transparent)]
    Capability(#[from] CapabilityError),
    /// A limit cannot be expressed.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The seccomp profile cannot be used.
    #[error(transparent)]
    Seccomp(#[from] ProfileError),
    /// A value that the OCI specification does not take.
    #[error("the container cannot be described to the runtime")]
    Build(#[from] oci_spec::OciSpecError),
}

/// Makes the configuration.
pub(crate) fn config(inputs: &Inputs<'_>) -> Result<Spec, ConfigError> {
    let security = &inputs.spec.security;
    let wanted = capabilities::effective(security)?;
    let held: Vec<Capability> = wanted.into_iter().filter(|one| inputs.available.contains(one)).collect();
    let mut spec = Spec::default();
    spec.set_version("1.0.2".to_owned());
    spec.set_hooks(None);
    spec.set_root(Some(
        RootBuilder::default().path(inputs.rootfs).readonly(security.read_only_rootfs).build()?,
    ));
    spec.set_process(Some(process(inputs, &held)?));
    let names_host = inputs.namespaces.uts == NamespaceChoice::New && !inputs.hostname.is_empty();
    spec.set_hostname(names_host.then(|| inputs.hostname.to_owned()));
    spec.set_domainname(inputs.spec.domainname.clone());
    spec.set_mounts(Some(mounts::mounts(inputs)));
    spec.set_annotations((!inputs.spec.annotations.is_empty()).then(|| unsorted(&inputs.spec.annotations)));
    spec.set_linux(Some(linux(inputs, &held)?));
    Ok(spec)
}

fn unsorted(map: &std::collections::BTreeMap<String, String>) -> HashMap<String, String> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn process(inputs: &Inputs<'_>, held: &[Capability]) -> Result<Process, ConfigError> {
    let spec = inputs.spec;
    let mut process = Process::default();
    process.set_terminal(Some(spec.streams.tty));
    process.set_user(user(inputs.identity)?);
    process.set_args(Some(inputs.process.argv()));
    let env =
        resolve::final_environment(inputs.process, inputs.hostname, &inputs.identity.home, spec.streams.tty);
    process.set_env(Some(env));
    process.set_cwd(inputs.process.working_dir.clone());
    process.set_capabilities(Some(process_capabilities(held, inputs.identity.uid == 0)?));
    process.set_rlimits(rlimits(spec)?);
    process.set_no_new_privileges(Some(spec.security.no_new_privileges));
    process.set_apparmor_profile(spec.security.apparmor.clone().filter(|profile| profile != "unconfined"));
    process.set_oom_score_adj(spec.resources.oom_score_adj);
    Ok(process)
}

/// The limits of a container's processes, if it has some of its own.
pub(crate) fn rlimits(
    spec: &ContainerSpec,
) -> Result<Option<Vec<oci_spec::runtime::PosixRlimit>>, ConfigError> {
    let rlimits = limits::rlimits(&spec.resources.ulimits)?;
    Ok((!rlimits.is_empty()).then_some(rlimits))
}

/// A user as OCI wants it.
pub(crate) fn user(identity: &Identity) -> Result<oci_spec::runtime::User, ConfigError> {
    let built = UserBuilder::default()
        .uid(identity.uid)
        .gid(identity.gid)
        .additional_gids(identity.groups.clone())
        .build()?;
    Ok(built)
}

/// The sets of a process: a user other than root holds none until it executes a program that has them.
pub(crate) fn process_capabilities(
    held: &[Capability],
    root: bool,
) -> Result<oci_spec::runtime::LinuxCapabilities, ConfigError> {
    let all = capabilities::set(held);
    let active = if root { all.clone() } else { capabilities::set(&[]) };
    let built = LinuxCapabilitiesBuilder::default()
        .bounding(all)
        .effective(active.clone())
        .permitted(active)
        .inheritable(capabilities::set(&[]))
        .ambient(capabilities::set(&[]))
        .build()?;
    Ok(built)
}

fn linux(inputs: &Inputs<'_>, held: &[Capability]) -> Result<Linux, ConfigError> {
    let security = &inputs.spec.security;
    let mut linux = Linux::default();
    let sysctls = sysctls(inputs);
    linux.set_sysctl((!sysctls.is_empty()).then_some(sysctls));
    linux.set_cgroups_path(Some(inputs.cgroup.clone()));
    let devices = inputs.devices;
    let privileged = security.privileged;
    linux.set_resources(Some(limits::resources(
        &inputs.spec.resources,
        privileged,
        devices,
        inputs.block_device,
    )?));
    linux.set_namespaces(Some(namespaces(inputs)?));
    linux.set_devices(Some(devices.iter().map(device).collect::<Result<_, _>>()?));
    linux.set_seccomp(filter(inputs.spec, held, inputs.kernel)?);
    linux.set_masked_paths(Some(security.masked()));
    linux.set_readonly_paths(Some(security.made_readonly()));
    Ok(linux)
}

/// As Docker since 20.10: ports below 1024 and ping work without capabilities.
fn sysctls(inputs: &Inputs<'_>) -> HashMap<String, String> {
    let mut all = unsorted(&inputs.spec.sysctls);
    if inputs.namespaces.network == NamespaceChoice::New
        || matches!(inputs.namespaces.network, NamespaceChoice::Path(_))
    {
        let own_network = matches!(inputs.spec.network.mode, crate::spec::NetworkMode::Container(_));
        if !own_network {
            all.entry("net.ipv4.ip_unprivileged_port_start".to_owned()).or_insert_with(|| "0".to_owned());
            all.entry("net.ipv4.ping_group_range".to_owned()).or_insert_with(|| "0 2147483647".to_owned());
        }
    }
    all
}

fn namespaces(inputs: &Inputs<'_>) -> Result<Vec<LinuxNamespace>, ConfigError> {
    let mut all = vec![namespace(LinuxNamespaceType::Mount, None)?];
    let choices = [
        (LinuxNamespaceType::Network, &inputs.namespaces.network),
        (LinuxNamespaceType::Uts, &inputs.namespaces.uts),
        (LinuxNamespaceType::Pid, &inputs.namespaces.pid),
        (LinuxNamespaceType::Ipc, &inputs.namespaces.ipc),
    ];
    for (kind, choice) in choices {
        match choice {
            NamespaceChoice::Host => {}
            NamespaceChoice::New => all.push(namespace(kind, None)?),
            NamespaceChoice::Path(path) => all.push(namespace(kind, Some(path))?),
        }
    }
    if inputs.spec.security.has_own_cgroup(inputs.cgroup_v2) {
        all.push(namespace(LinuxNamespaceType::Cgroup, None)?);
    }
    Ok(all)
}

fn namespace(kind: LinuxNamespaceType, path: Option<&Path>) -> Result<LinuxNamespace, ConfigError> {
    let builder = LinuxNamespaceBuilder::default().typ(kind);
    let built = match path {
        Some(path) => builder.path(path).build(),
        None => builder.build(),
    };
    Ok(built?)
}

fn device(device: &HostDevice) -> Result<LinuxDevice, ConfigError> {
    let built = LinuxDeviceBuilder::default()
        .path(&device.path)
        .typ(if device.block { LinuxDeviceType::B } else { LinuxDeviceType::C })
        .major(device.major)
        .minor(device.minor)
        .file_mode(device.mode)
        .uid(device.uid)
        .gid(device.gid)
        .build()?;
    Ok(built)
}

fn filter(
    wanted: &ContainerSpec,
    held: &[Capability],
    kernel: (u32, u32),
) -> Result<Option<LinuxSeccomp>, ConfigError> {
    match &wanted.security.seccomp {
        SeccompChoice::Unconfined => Ok(None),
        SeccompChoice::Default if wanted.security.privileged => Ok(None),
        SeccompChoice::Default => Ok(Some(container::seccomp::default_seccomp(held))),
        SeccompChoice::Profile(text) => {
            let architecture = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
            let conditions = Conditions { capabilities: held, architecture, kernel };
            Ok(Some(seccomp::reduce(text, &conditions)?))
        }
    }
}

/// The part of a configuration that commands executed later take over: control group and system call filter.
pub(crate) fn exec_environment(
    wanted: &ContainerSpec,
    cgroup: PathBuf,
    host: &crate::host::Host,
) -> Result<Spec, ConfigError> {
    let held = capabilities::effective(&wanted.security)?;
    let mut linux = Linux::default();
    linux.set_resources(None);
    linux.set_namespaces(None);
    linux.set_masked_paths(None);
    linux.set_readonly_paths(None);
    linux.set_cgroups_path(Some(cgroup));
    linux.set_seccomp(filter(wanted, &held, host.kernel)?);
    let mut spec = Spec::default();
    spec.set_process(None);
    spec.set_mounts(None);
    spec.set_root(None);
    spec.set_hostname(None);
    spec.set_linux(Some(linux));
    Ok(spec)
}
