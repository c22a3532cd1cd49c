//! What runs in a container.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The process of a service's containers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// `command`: arguments; absent means the image's, empty means none.
    pub command: Option<Vec<String>>,
    /// `entrypoint`: absent means the image's, empty means none (and drops the image's command too).
    pub entrypoint: Option<Vec<String>>,
    /// `environment` over `env_file`; a `None` value removes a variable that the image sets.
    pub environment: BTreeMap<String, Option<String>>,
    /// `working_dir`.
    pub working_dir: Option<String>,
    /// `user`: `user[:group]`, names or numbers.
    pub user: Option<String>,
    /// `group_add`: names or numbers.
    pub group_add: Vec<String>,
    /// `stdin_open`.
    pub stdin_open: bool,
    /// `tty`.
    pub tty: bool,
    /// `init`: run a small init as process 1; absent means the engine's default.
    pub init: Option<bool>,
    /// `hostname`; absent means the container's short id.
    pub hostname: Option<String>,
    /// `domainname`.
    pub domainname: Option<String>,
}
