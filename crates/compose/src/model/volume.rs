//! Volumes of a project.

use super::Origin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A top-level volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name in the engine: `name`, or `<project>_<key>`.
    pub name: String,
    /// Where it is declared.
    pub origin: Origin,
    /// `external`: exists already, and is not created or removed.
    #[serde(default)]
    pub external: bool,
    /// `driver`; absent means `local`.
    #[serde(default)]
    pub driver: Option<String>,
    /// `driver_opts`.
    #[serde(default)]
    pub driver_opts: BTreeMap<String, String>,
    /// `labels`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}
