//! How a service's image is built.

use super::{FileReference, SecretKey, Ulimit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `build`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// `context`.
    pub context: BuildContext,
    /// `dockerfile`: relative to the context, or absolute; absent means `Dockerfile`.
    pub dockerfile: Option<PathBuf>,
    /// `dockerfile_inline`: the text itself.
    pub dockerfile_inline: Option<String>,
    /// `args`; a `None` value keeps the Dockerfile's default.
    pub args: BTreeMap<String, Option<String>>,
    /// `target`: the stage to build.
    pub target: Option<String>,
    /// `labels` of the image.
    pub labels: BTreeMap<String, String>,
    /// `network` of `RUN` steps.
    pub network: Option<String>,
    /// `additional_contexts`: name → path, URL or `service:NAME`.
    pub additional_contexts: BTreeMap<String, String>,
    /// `cache_from`.
    pub cache_from: Vec<String>,
    /// `cache_to`.
    pub cache_to: Vec<String>,
    /// `no_cache`.
    pub no_cache: bool,
    /// `pull`: fetch base images anew.
    pub pull: bool,
    /// `extra_hosts` in `RUN` steps.
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// `ssh`: agents or keys, `id[=path]`.
    pub ssh: Vec<String>,
    /// `secrets` that `RUN --mount=type=secret` may use.
    pub secrets: Vec<BuildSecret>,
    /// `shm_size` in bytes.
    pub shm_size: Option<u64>,
    /// `tags` beside the service's image name.
    pub tags: Vec<String>,
    /// `ulimits` of `RUN` steps.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// `platforms`.
    pub platforms: Vec<String>,
    /// `privileged`.
    pub privileged: bool,
    /// `entitlements`.
    pub entitlements: Vec<String>,
    /// `isolation`.
    pub isolation: Option<String>,
    /// `provenance`.
    pub provenance: Option<String>,
    /// `sbom`.
    pub sbom: Option<String>,
}

impl Build {
    /// The services whose images files are taken from: names of contexts, and of services (`service:NAME`).
    pub fn image_contexts(&self) -> impl Iterator<Item = (&str, &str)> {
        let contexts = self.additional_contexts.iter();
        contexts.filter_map(|(name, text)| Some((name.as_str(), text.strip_prefix("service:")?)))
    }
}

/// A secret given to a build.
pub type BuildSecret = FileReference<SecretKey>;

/// `build.context`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildContext {
    /// A directory (absolute).
    Local(PathBuf),
    /// A URL or a git repository.
    Remote(String),
}

impl Default for BuildContext {
    fn default() -> Self {
        Self::Local(PathBuf::new())
    }
}
