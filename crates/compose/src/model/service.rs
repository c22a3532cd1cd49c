//! One service.

use super::{
    Build, Deploy, Lifecycle, Networking, Origin, Process, Resources, Security, ServiceName, Storage,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A service: one kind of container, run in one or more copies.
///
/// Its keys are grouped by what they are about; [`crate::render_yaml`] puts them back into the flat form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Key below `services`.
    pub name: ServiceName,
    /// Where the service is written (its key).
    pub origin: Origin,
    /// Where each of its keys is written, for messages about one of them (`ports` → line).
    #[serde(default)]
    pub key_origins: BTreeMap<String, Origin>,
    /// `image`. Without it the image is built, and named `<project>-<service>`.
    #[serde(default)]
    pub image: Option<String>,
    /// `build`.
    #[serde(default)]
    pub build: Option<Build>,
    /// `platform` (`os[/arch[/variant]]`).
    #[serde(default)]
    pub platform: Option<String>,
    /// `pull_policy`.
    #[serde(default)]
    pub pull_policy: Option<PullPolicy>,
    /// `container_name`: a fixed name; excludes more than one replica.
    #[serde(default)]
    pub container_name: Option<String>,
    /// `labels` and `label_file`, merged: labels of the container.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `annotations` (of the OCI bundle).
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// `profiles`: empty means always enabled.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// `attach`: whether a foreground `up` shows this service's output.
    #[serde(default = "yes")]
    pub attach: bool,
    /// `logging`.
    #[serde(default)]
    pub logging: Option<Logging>,
    /// `runtime`: the OCI runtime to use.
    #[serde(default)]
    pub runtime: Option<String>,
    /// What runs in the container, and as whom.
    #[serde(default)]
    pub process: Process,
    /// Networks, ports and name resolution.
    #[serde(default)]
    pub networking: Networking,
    /// Mounts, secrets and configs.
    #[serde(default)]
    pub storage: Storage,
    /// Capabilities, namespaces, devices.
    #[serde(default)]
    pub security: Security,
    /// Limits.
    #[serde(default)]
    pub resources: Resources,
    /// Dependencies, health, restarting, stopping.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// `deploy`, as written; what [`Self::replicas`] and [`Resources`] need is already applied.
    #[serde(default)]
    pub deploy: Option<Deploy>,
    /// `scale`, or `deploy.replicas`, or 1.
    #[serde(default = "one")]
    pub replicas: u32,
    /// `x-…` keys of the service.
    #[serde(default)]
    pub extensions: BTreeMap<String, serde_json::Value>,
}

impl Service {
    /// A service with nothing but a name: every key at its default.
    pub fn new(name: ServiceName) -> Self {
        Self {
            name,
            origin: Origin::default(),
            key_origins: BTreeMap::new(),
            image: None,
            build: None,
            platform: None,
            pull_policy: None,
            container_name: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            profiles: Vec::new(),
            attach: true,
            logging: None,
            runtime: None,
            process: Process::default(),
            networking: Networking::default(),
            storage: Storage::default(),
            security: Security::default(),
            resources: Resources::default(),
            lifecycle: Lifecycle::default(),
            deploy: None,
            replicas: 1,
            extensions: BTreeMap::new(),
        }
    }
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

/// `logging`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Logging {
    /// `driver`; absent means the engine's default (json-file).
    pub driver: Option<String>,
    /// `options`, such as `max-size`.
    pub options: BTreeMap<String, String>,
}

/// `pull_policy`: when an image is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// Fetch each time.
    Always,
    /// Never fetch.
    Never,
    /// Fetch when absent (also written `if_not_present`).
    Missing,
    /// Build, also when an image is there.
    Build,
    /// Fetch when the last fetch is older than this many seconds (`daily`, `weekly`, `every_<duration>`).
    Refresh {
        /// Age in seconds.
        seconds: u64,
    },
}
