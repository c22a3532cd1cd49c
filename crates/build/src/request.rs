//! What is to be built: the parsed form of `berth build` and of Docker's `POST /build`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

/// One build, with everything that may influence its result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildRequest {
    /// Absolute path of the directory that `COPY` and `ADD` read from.
    pub context: PathBuf,
    /// Where the Dockerfile is.
    pub dockerfile: DockerfileSource,
    /// Stage to stop at, by name or number; the last one if absent.
    pub target: Option<String>,
    /// References given to the result, in the form a user types (`app`, `app:1`).
    pub tags: Vec<String>,
    /// `--build-arg`: `None` means that the name was given without a value and none was found.
    pub build_args: BTreeMap<String, Option<String>>,
    /// `--label`: added to the result, after those of the Dockerfile.
    pub labels: BTreeMap<String, String>,
    /// Ignore the cache for every step (results are still added to it).
    pub no_cache: bool,
    /// `--platform`: only the machine's own is buildable.
    pub platform: Option<String>,
    /// Network of `RUN` steps that do not choose their own.
    pub network: RunNetwork,
    /// `--add-host`: extra lines of `/etc/hosts` in `RUN` steps, as (name, address).
    pub extra_hosts: Vec<(String, String)>,
    /// `--shm-size` of `RUN` steps, in bytes.
    pub shm_size: Option<u64>,
    /// Seconds since 1970 that replace "now" in the image, and bound the times of its files.
    pub source_date_epoch: Option<i64>,
    /// Set by whoever wants the build to stop; not part of the request's serialized form.
    #[serde(skip)]
    pub cancel: Cancel,
}

impl Default for BuildRequest {
    fn default() -> Self {
        Self {
            context: PathBuf::from("."),
            dockerfile: DockerfileSource::default(),
            target: None,
            tags: Vec::new(),
            build_args: BTreeMap::new(),
            labels: BTreeMap::new(),
            no_cache: false,
            platform: None,
            network: RunNetwork::Default,
            extra_hosts: Vec::new(),
            shm_size: None,
            source_date_epoch: None,
            cancel: Cancel::default(),
        }
    }
}

impl BuildRequest {
    /// A request for the Dockerfile in `context`, with nothing else set.
    pub fn new(context: impl Into<PathBuf>) -> Self {
        Self { context: context.into(), ..Self::default() }
    }
}

/// Where the Dockerfile's text comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerfileSource {
    /// A file: absolute, or relative to the context.
    Path(PathBuf),
    /// The text itself (`dockerfile_inline` of compose, or `-f -`).
    Inline(String),
}

impl Default for DockerfileSource {
    fn default() -> Self {
        Self::Path(PathBuf::from("Dockerfile"))
    }
}

/// `RUN --network` and `build --network`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunNetwork {
    /// The engine's default bridge.
    #[default]
    Default,
    /// The host's own network.
    Host,
    /// Loopback only.
    None,
}

impl RunNetwork {
    /// The word used on the command line and in Dockerfiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Host => "host",
            Self::None => "none",
        }
    }
}

/// A flag shared between a build and whoever may want to stop it. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the build to stop; it does so before its next step, and a running `RUN` is killed.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether [`Cancel::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
