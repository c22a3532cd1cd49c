//! What a caller asks for: the closed, validated description of a container.
//!
//! It covers what Docker's `Config`, `HostConfig` and `NetworkingConfig` say together. Nothing here
//! looks at an image or at the host; [`crate::Engine::create`] merges the image's configuration in
//! and checks what can only be checked then.

mod health;
mod local_volume;
mod log;
mod mount;
mod name;
mod network;
mod process;
mod resources;
mod restart;
mod security;
mod signal;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use health::{HealthTest, Healthcheck};
pub use local_volume::{LocalVolume, LocalVolumeError};
pub use log::{LogConfig, LogDriver};
pub use mount::{
    BindMount, Declared, MountKind, MountSpec, Propagation, TmpfsMount, TmpfsOptionError, VolumeMount,
};
pub use name::{ContainerName, NameError, VolumeName};
pub use network::{
    ContainerPort, EndpointSpec, ExtraHost, HostAddress, HostPort, NetworkMode, NetworkSettings,
    ParsePortError, PortBinding, Protocol,
};
pub use process::{EnvVar, StreamSettings};
pub use resources::{
    BlkioDevice, DeviceAccess, DeviceMapping, DeviceRequest, MemorySwap, PidsLimit, Resources, Ulimit,
};
pub use restart::RestartPolicy;
pub use security::{IpcMode, NamespaceMode, SeccompChoice, SecuritySettings, UnknownSecurityOption};
pub use signal::{ParseSignalError, Signal};

/// All that is asked of one container.
///
/// `ContainerSpec::new("image")` is a container with every default; the fields are public so that a
/// caller fills in what it was told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// The name, or none for a generated one.
    pub name: Option<ContainerName>,
    /// Image reference, id or id prefix.
    pub image: String,
    /// Platform asked for (`linux/amd64`), kept for `inspect`.
    pub platform: Option<String>,
    /// Host name; none is the short id (or the host's own in the host's network or UTS namespace).
    pub hostname: Option<String>,
    /// NIS domain name.
    pub domainname: Option<String>,
    /// `user[:group]`, names or numbers; none is the image's.
    pub user: Option<String>,
    /// Arguments; none is the image's `CMD` (unless `entrypoint` is set).
    pub command: Option<Vec<String>>,
    /// Program; none is the image's, an empty list clears it.
    pub entrypoint: Option<Vec<String>>,
    /// Variables, applied over the image's in this order.
    pub env: Vec<EnvVar>,
    /// Working directory; none is the image's.
    pub working_dir: Option<PathBuf>,
    /// Labels, applied over the image's.
    pub labels: BTreeMap<String, String>,
    /// Free annotations that go into the OCI configuration.
    pub annotations: BTreeMap<String, String>,
    /// Terminal and standard streams.
    pub streams: StreamSettings,
    /// Signal of `stop`; none is the image's, or SIGTERM.
    pub stop_signal: Option<Signal>,
    /// Seconds between `stop`'s signal and SIGKILL; none is 10, negative waits for ever.
    pub stop_timeout: Option<i64>,
    /// Health check; none is the image's.
    pub healthcheck: Option<Healthcheck>,
    /// Mounts in the order given.
    pub mounts: Vec<MountSpec>,
    /// Containers whose volumes are mounted too: `name[:ro|rw]`.
    pub volumes_from: Vec<String>,
    /// Networks, names, ports.
    pub network: NetworkSettings,
    /// Limits, devices, ulimits.
    pub resources: Resources,
    /// Privileges, namespaces.
    pub security: SecuritySettings,
    /// What happens after an exit.
    pub restart: RestartPolicy,
    /// Time between an exit and the restart, instead of one that grows with each failure.
    pub restart_delay: Option<std::time::Duration>,
    /// Remove the container (and its anonymous volumes) once it has exited.
    pub auto_remove: bool,
    /// Where output goes.
    pub log: LogConfig,
    /// Run a small init as process 1 that forwards signals and reaps; none is off.
    pub init: Option<bool>,
    /// OCI runtime: none is the built-in one; a name looked up in `PATH` or a path otherwise.
    pub runtime: Option<String>,
    /// Size of /dev/shm in bytes; none is 64 MiB.
    pub shm_size: Option<u64>,
    /// Kernel parameters of the container's namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Parent control group; none is the engine's.
    pub cgroup_parent: Option<String>,
    /// Ports that `EXPOSE` names beyond the image's; `publish_all` publishes them.
    pub exposed: BTreeSet<ContainerPort>,
}

impl ContainerSpec {
    /// A container of `image` with every default.
    pub fn new(image: impl Into<String>) -> Self {
        Self { image: image.into(), ..Self::default() }
    }
}
