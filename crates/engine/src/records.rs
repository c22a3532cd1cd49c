//! What the engine remembers across its own death: the lines of the journal.

use crate::{
    id::{ContainerId, NetworkId},
    snapshot::{MountType, ResolvedProcess},
    spec::{ContainerSpec, Declared, EndpointSpec, Propagation, TmpfsMount, VolumeName},
};
use container::protocol::ProcessId;
use network::{Endpoint, NetworkSpec, PublishedPort};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};
use time::OffsetDateTime;

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A container was made or changed.
    Container(Box<ContainerRecord>),
    /// What a container does changed.
    State { id: ContainerId, state: Box<StateRecord> },
    /// A container is gone.
    ContainerRemoved { id: ContainerId },
    /// A network was made.
    Network(Box<NetworkRecord>),
    /// A network is gone.
    NetworkRemoved { id: NetworkId },
    /// A volume was made.
    Volume(Box<VolumeRecord>),
    /// A volume is gone.
    VolumeRemoved { name: VolumeName },
    /// Work on a project began: what it is to become.
    Project { name: String, intent: serde_json::Value },
    /// Work on a project ended, or it is gone.
    ProjectSettled { name: String },
}

/// A container as it was made. What it does is a [`StateRecord`] of its own, so that a start writes little.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ContainerRecord {
    pub(crate) id: ContainerId,
    pub(crate) name: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
    /// `sha256:…`
    pub(crate) image_id: String,
    pub(crate) spec: ContainerSpec,
    pub(crate) process: ResolvedProcess,
    pub(crate) hostname: String,
    pub(crate) mounts: Vec<MountRecord>,
    /// Its places in networks, by the network's id.
    pub(crate) networks: BTreeMap<NetworkId, EndpointSpec>,
    /// It has never been finished: files may be missing.
    #[serde(default)]
    pub(crate) half_made: bool,
}

/// A mount with its source decided.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MountRecord {
    pub(crate) kind: MountType,
    pub(crate) volume: Option<VolumeName>,
    /// The volume goes with the container.
    #[serde(default)]
    pub(crate) anonymous: bool,
    /// Path on the host; empty for tmpfs.
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) read_only: bool,
    pub(crate) propagation: Option<Propagation>,
    #[serde(default)]
    pub(crate) recursive: bool,
    pub(crate) tmpfs: Option<TmpfsMount>,
    pub(crate) declared: Declared,
}

/// What a container does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StateRecord {
    pub(crate) phase: Phase,
    pub(crate) exit_code: i64,
    pub(crate) error: String,
    pub(crate) oom_killed: bool,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) started_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) finished_at: Option<OffsetDateTime>,
    /// Stopped or killed by a user: `always` starts it again at the engine's next start only.
    pub(crate) stopped_by_hand: bool,
    pub(crate) restart_count: u32,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Never started.
    #[default]
    Created,
    /// A start began; whether there is a process is to be found out.
    Starting(RunRecord),
    /// It runs.
    Running(RunRecord),
    /// It ended.
    Exited,
    /// It ended and will be started again.
    Restarting,
}

impl Phase {
    /// What belongs to the run, while there is one.
    pub(crate) fn run(&self) -> Option<&RunRecord> {
        match self {
            Self::Starting(run) | Self::Running(run) => Some(run),
            _ => None,
        }
    }

    /// Its process runs.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }
}

/// What one run of a container holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunRecord {
    pub(crate) process: Option<ProcessId>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) ports: Vec<PublishedPort>,
}

/// A network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NetworkRecord {
    pub(crate) id: NetworkId,
    pub(crate) name: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
    pub(crate) spec: NetworkSpec,
    pub(crate) attachable: bool,
    pub(crate) enable_ipv6: bool,
    pub(crate) labels: BTreeMap<String, String>,
}

/// A volume.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VolumeRecord {
    pub(crate) name: VolumeName,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
    pub(crate) anonymous: bool,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) options: BTreeMap<String, String>,
    /// The image's content is in it, or it was used without.
    #[serde(default)]
    pub(crate) filled: bool,
}
