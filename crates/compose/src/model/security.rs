//! What a container may do, and which namespaces it shares.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Capabilities, namespaces and devices of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Security {
    /// `privileged`.
    pub privileged: bool,
    /// `cap_add`.
    pub cap_add: Vec<String>,
    /// `cap_drop`.
    pub cap_drop: Vec<String>,
    /// `security_opt`, such as `no-new-privileges:true`.
    pub security_opt: Vec<String>,
    /// `devices`.
    pub devices: Vec<Device>,
    /// `device_cgroup_rules`.
    pub device_cgroup_rules: Vec<String>,
    /// `ipc`: `host`, `private`, `shareable`, `none`, `service:NAME` or `container:ID`.
    pub ipc: Option<String>,
    /// `pid`: `host`, `service:NAME` or `container:ID`.
    pub pid: Option<String>,
    /// `uts`: `host`.
    pub uts: Option<String>,
    /// `userns_mode`: `host`.
    pub userns_mode: Option<String>,
    /// `cgroup`: `host` or `private`.
    pub cgroup: Option<String>,
    /// `cgroup_parent`.
    pub cgroup_parent: Option<String>,
    /// `isolation`.
    pub isolation: Option<String>,
    /// `sysctls`.
    pub sysctls: BTreeMap<String, String>,
}

/// One entry of `devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Path on the host, or a CDI name (`vendor.com/class=name`).
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Letters of `rwm`.
    pub permissions: String,
}
