//! The whole project.

use super::{
    ConfigKey, FileObject, Network, NetworkKey, ProjectName, SecretKey, Service, ServiceName, Volume,
    VolumeKey,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A resolved compose project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Name: prefix of everything the project owns on the host.
    pub name: ProjectName,
    /// The project directory (absolute): what relative paths were resolved against.
    pub working_dir: PathBuf,
    /// The compose files it was read from (absolute), first one first; included files are not among them.
    pub files: Vec<PathBuf>,
    /// The env files that gave variables for interpolation (absolute).
    #[serde(default)]
    pub env_files: Vec<PathBuf>,
    /// The active profiles.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Services to run: those without profiles, of an active profile, or needed by one that was named.
    pub services: BTreeMap<ServiceName, Service>,
    /// Services left out because no profile of theirs is active.
    #[serde(default)]
    pub disabled_services: BTreeMap<ServiceName, Service>,
    /// Networks, with the implicit `default` one when a service uses it.
    pub networks: BTreeMap<NetworkKey, Network>,
    /// Volumes.
    pub volumes: BTreeMap<VolumeKey, Volume>,
    /// Secrets.
    pub secrets: BTreeMap<SecretKey, FileObject>,
    /// Configs.
    pub configs: BTreeMap<ConfigKey, FileObject>,
    /// Top-level `x-…` keys.
    #[serde(default)]
    pub extensions: BTreeMap<String, serde_json::Value>,
}

impl Project {
    /// The image of a service: the one it names, or what its build is called.
    pub fn image_of(&self, service: &Service) -> String {
        service.image.clone().unwrap_or_else(|| format!("{}-{}", self.name, service.name))
    }
}
