//! Secrets and configs: files put into containers.

use super::Origin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A top-level secret or config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileObject {
    /// Its name outside the project.
    pub name: String,
    /// Where the content comes from.
    pub source: FileSource,
    /// `labels`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Where it is declared.
    pub origin: Origin,
}

/// Where the content of a secret or config comes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSource {
    /// `file` (absolute).
    File(PathBuf),
    /// `environment`: a variable, with the value it had when the project was loaded; a secret or config that a
    /// service uses has one.
    Environment {
        /// Name of the variable.
        variable: String,
        /// Its value.
        value: Option<String>,
    },
    /// `content`.
    Content(String),
    /// `external`: kept by the engine under [`FileObject::name`].
    External,
}

/// Values are left out, so that no log shows one.
impl std::fmt::Debug for FileSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment { variable, .. } => f.debug_tuple("Environment").field(variable).finish(),
            Self::Content(_) => f.write_str("Content(..)"),
            Self::External => f.write_str("External"),
        }
    }
}

/// A service's (or build's) use of a secret or config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReference<K> {
    /// Key of the secret or config.
    pub source: K,
    /// Absolute path in the container (`/run/secrets/<source>` or `/<source>` by default); the id in a build.
    pub target: String,
    /// `uid` of the owner; absent means 0.
    #[serde(default)]
    pub uid: Option<u32>,
    /// `gid` of the owner; absent means 0.
    #[serde(default)]
    pub gid: Option<u32>,
    /// `mode`; absent means 0444.
    #[serde(default)]
    pub mode: Option<u32>,
}
