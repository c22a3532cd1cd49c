//! What is mounted into a container.

use super::{ConfigKey, FileReference, SecretKey, ServiceName, VolumeKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Mounts, secrets and configs of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Storage {
    /// `volumes`, one for each target.
    pub mounts: Vec<Mount>,
    /// `tmpfs`.
    pub tmpfs: Vec<Tmpfs>,
    /// `volumes_from`.
    pub volumes_from: Vec<VolumesFrom>,
    /// `secrets`.
    pub secrets: Vec<FileReference<SecretKey>>,
    /// `configs`.
    pub configs: Vec<FileReference<ConfigKey>>,
    /// `read_only`: the root filesystem cannot be written.
    pub read_only: bool,
    /// `storage_opt`.
    pub storage_opt: BTreeMap<String, String>,
}

/// One entry of `volumes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// `target`: absolute path in the container.
    pub target: String,
    /// `read_only`.
    #[serde(default)]
    pub read_only: bool,
    /// `consistency`, kept for other platforms.
    #[serde(default)]
    pub consistency: Option<String>,
    /// What is mounted.
    pub kind: MountKind,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MountKind {
    /// A path of the host.
    Bind(BindMount),
    /// A volume.
    Volume(VolumeMount),
    /// Memory.
    Tmpfs {
        /// `size` in bytes.
        size: Option<u64>,
        /// `mode`, permission bits.
        mode: Option<u32>,
    },
    /// The content of an image, read-only.
    Image {
        /// Reference of the image.
        source: String,
        /// `subpath` within it.
        subpath: Option<String>,
    },
}

/// A path of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BindMount {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// `create_host_path`: make a missing directory.
    pub create_host_path: bool,
    /// `propagation`, such as `rslave`.
    pub propagation: Option<String>,
    /// `recursive`: `enabled`, `disabled`, `writable` or `readonly`.
    pub recursive: Option<String>,
    /// `selinux`: `z` or `Z`.
    pub selinux: Option<String>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeMount {
    /// The project's volume; absent means an anonymous one.
    pub source: Option<VolumeKey>,
    /// `nocopy`: a fresh volume does not take the image's content.
    pub nocopy: bool,
    /// `subpath` within the volume.
    pub subpath: Option<String>,
    /// `labels` of an anonymous volume.
    pub labels: BTreeMap<String, String>,
}

/// One entry of `tmpfs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// Absolute path in the container.
    pub target: String,
    /// Mount options as written (`size=64m,mode=1777`); may be empty.
    #[serde(default)]
    pub options: String,
}

/// One entry of `volumes_from`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumesFrom {
    /// Whose mounts are taken.
    pub source: VolumesFromSource,
    /// `:ro`.
    #[serde(default)]
    pub read_only: bool,
}

/// Whose mounts are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumesFromSource {
    /// A service of the project.
    Service(ServiceName),
    /// A container outside of it.
    Container(String),
}
