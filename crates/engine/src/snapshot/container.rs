use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::{ContainerId, EndpointId, ExecId, NetworkId};
use crate::spec::{
    ContainerPort, ContainerSpec, Declared, EndpointSpec, Healthcheck, Propagation, Signal, VolumeName,
};

/// All that `inspect` and `ps` show of a container.
#[derive(Debug, Clone)]
pub struct ContainerSnapshot {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without a slash.
    pub name: String,
    /// When it was created.
    pub created: OffsetDateTime,
    /// Id of its image: `sha256:…`.
    pub image_id: String,
    /// What was asked for.
    pub spec: Arc<ContainerSpec>,
    /// What that and the image make together.
    pub process: Arc<ResolvedProcess>,
    /// What it does now.
    pub state: StateSnapshot,
    /// Automatic restarts since it was last started by hand.
    pub restart_count: u32,
    /// Its host name, empty in the host's network.
    pub hostname: String,
    /// Its places in networks, by network name.
    pub networks: BTreeMap<String, EndpointSnapshot>,
    /// Path of its network namespace while it runs.
    pub sandbox: Option<PathBuf>,
    /// Its ports, exposed and published; the addresses are there while it runs.
    pub ports: Vec<PortSnapshot>,
    /// Its mounts.
    pub mounts: Vec<MountSnapshot>,
    /// Commands being executed in it.
    pub execs: Vec<ExecId>,
    /// The json-file log.
    pub log_path: PathBuf,
    /// Source of /etc/hosts.
    pub hosts_path: PathBuf,
    /// Source of /etc/hostname.
    pub hostname_path: PathBuf,
    /// Source of /etc/resolv.conf.
    pub resolv_conf_path: PathBuf,
    /// Writable layer (overlayfs upper directory).
    pub upper_dir: PathBuf,
    /// Overlayfs work directory.
    pub work_dir: PathBuf,
    /// Read-only layers, topmost first.
    pub lower_dirs: Vec<PathBuf>,
    /// It has a control group namespace of its own.
    pub own_cgroup: bool,
    /// Bytes of the writable layer, when asked for.
    pub size_rw: Option<u64>,
    /// Bytes of the writable layer and the image together, when asked for.
    pub size_root_fs: Option<u64>,
}

/// A row of `ps` is a whole snapshot: nothing is looked up twice.
pub type ContainerSummary = ContainerSnapshot;

/// The image's configuration with the container's over it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResolvedProcess {
    /// First part of the command line.
    pub entrypoint: Vec<String>,
    /// Second part of the command line.
    pub command: Vec<String>,
    /// `NAME=value`
    pub env: Vec<String>,
    /// Absolute path.
    pub working_dir: PathBuf,
    /// `user[:group]`; empty is root.
    pub user: String,
    /// The image's and the container's.
    pub labels: BTreeMap<String, String>,
    /// The image's, the container's and the published ones.
    pub exposed: BTreeSet<ContainerPort>,
    /// Paths the image or the container declare as volumes.
    pub volumes: BTreeSet<PathBuf>,
    /// The check, none when there is none.
    pub healthcheck: Option<Healthcheck>,
    /// Signal of `stop`.
    pub stop_signal: Option<Signal>,
    /// Shell of `CMD-SHELL`; empty is `/bin/sh -c`.
    pub shell: Vec<String>,
}

impl ResolvedProcess {
    /// The command line: entrypoint, then command.
    pub fn argv(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.command).cloned().collect()
    }
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Exited, and its restart policy will start it again.
    Restarting,
    /// Being removed.
    Removing,
    /// Exited.
    Exited,
    /// Its removal failed.
    Dead,
}

impl Status {
    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// It has a living process.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a container does, with all numbers.
#[derive(Debug, Clone)]
pub struct StateSnapshot {
    /// The word.
    pub status: Status,
    /// Process id on the host while it runs.
    pub pid: Option<u32>,
    /// Exit code of the last run; 128 + n after signal n.
    pub exit_code: i64,
    /// Why the last start failed; empty if it did not.
    pub error: String,
    /// The last run was ended by the kernel because memory ran out.
    pub oom_killed: bool,
    /// When it was last started.
    pub started_at: Option<OffsetDateTime>,
    /// When it last exited.
    pub finished_at: Option<OffsetDateTime>,
    /// Its health, when it has a check.
    pub health: Option<HealthSnapshot>,
}

/// Health of a container.
#[derive(Debug, Clone)]
pub struct HealthSnapshot {
    /// The verdict.
    pub status: HealthStatus,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last five checks, oldest first.
    pub log: Vec<HealthProbe>,
}

/// Verdict over a container's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// No verdict yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// Too many checks failed in a row.
    Unhealthy,
}

impl HealthStatus {
    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// One health check that was made.
#[derive(Debug, Clone)]
pub struct HealthProbe {
    /// When it began.
    pub start: OffsetDateTime,
    /// When it ended.
    pub end: OffsetDateTime,
    /// Its exit code; -1 after a time-out or when it could not be started.
    pub exit_code: i64,
    /// The first 4 KiB of its output.
    pub output: String,
}

/// A container's place in a network. Addresses are empty while it does not run, unless asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndpointSnapshot {
    /// The network.
    pub network_id: NetworkId,
    /// This place; none while the container does not run.
    pub endpoint_id: Option<EndpointId>,
    /// What was asked for.
    pub requested: EndpointSpec,
    /// Names the DNS server answers.
    pub dns_names: Vec<String>,
    /// IPv4 address and length of its prefix.
    pub ipv4: Option<(Ipv4Addr, u8)>,
    /// IPv4 gateway.
    pub gateway4: Option<Ipv4Addr>,
    /// IPv6 address and length of its prefix.
    pub ipv6: Option<(Ipv6Addr, u8)>,
    /// IPv6 gateway.
    pub gateway6: Option<Ipv6Addr>,
    /// Hardware address.
    pub mac: Option<String>,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortSnapshot {
    /// Inside.
    pub container: ContainerPort,
    /// Outside; none when it is exposed but not published, or the container does not run.
    pub host: Option<(IpAddr, u16)>,
}

/// Kinds of mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountType {
    /// A path of the host.
    Bind,
    /// A volume.
    Volume,
    /// Memory.
    Tmpfs,
}

/// A mount as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSnapshot {
    /// Its kind.
    pub kind: MountType,
    /// Name of the volume.
    pub name: Option<VolumeName>,
    /// The volume was made for this mount and goes with the container.
    pub anonymous: bool,
    /// Path on the host; empty for tmpfs.
    pub source: PathBuf,
    /// Path in the container.
    pub destination: PathBuf,
    /// Writable.
    pub read_write: bool,
    /// How mounts made later travel.
    pub propagation: Option<Propagation>,
    /// The form it was asked for in.
    pub declared: Declared,
}
