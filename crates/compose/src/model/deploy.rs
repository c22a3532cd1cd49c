//! `deploy`: kept as written, for what reads more of it than one host needs.

use super::Nanoseconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `deploy`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// `mode`.
    pub mode: DeployMode,
    /// `replicas`.
    pub replicas: Option<u32>,
    /// `endpoint_mode`: `vip` or `dnsrr`.
    pub endpoint_mode: Option<String>,
    /// `labels` of the service, not of its containers.
    pub labels: BTreeMap<String, String>,
    /// `resources`.
    pub resources: Resources,
    /// `restart_policy`.
    pub restart_policy: Option<DeployRestart>,
    /// `update_config`.
    pub update_config: Option<UpdateConfig>,
    /// `rollback_config`.
    pub rollback_config: Option<UpdateConfig>,
    /// `placement`.
    pub placement: Placement,
}

/// `deploy.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployMode {
    /// A number of containers.
    #[default]
    Replicated,
    /// One on each host.
    Global,
    /// A number of one-shot containers.
    ReplicatedJob,
    /// A one-shot container on each host.
    GlobalJob,
}

/// `deploy.resources`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// `limits`.
    pub limits: ResourceSpec,
    /// `reservations`.
    pub reservations: ResourceSpec,
}

/// One side of `deploy.resources`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceSpec {
    /// `cpus` in billionths of a CPU.
    pub nano_cpus: Option<u64>,
    /// `memory` in bytes.
    pub memory: Option<u64>,
    /// `pids`.
    pub pids: Option<i64>,
}

/// `deploy.restart_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployRestart {
    /// `condition`.
    pub condition: DeployRestartCondition,
    /// `delay` between attempts.
    pub delay: Option<Nanoseconds>,
    /// `max_attempts`; absent means without end.
    pub max_attempts: Option<u32>,
    /// `window` after which a start counts as a success.
    pub window: Option<Nanoseconds>,
}

/// `deploy.restart_policy.condition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployRestartCondition {
    /// Never.
    None,
    /// When the exit code is not 0.
    OnFailure,
    /// Always.
    #[default]
    Any,
}

/// `deploy.update_config` and `deploy.rollback_config`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateConfig {
    /// `parallelism`: how many at a time; 0 is all.
    pub parallelism: Option<u32>,
    /// `delay` between groups.
    pub delay: Option<Nanoseconds>,
    /// `failure_action`: `continue`, `rollback` or `pause`.
    pub failure_action: Option<String>,
    /// `monitor`: how long after each update a failure counts.
    pub monitor: Option<Nanoseconds>,
    /// `max_failure_ratio`, 0 to 1.
    pub max_failure_ratio: Option<f64>,
    /// `order`: `stop-first` or `start-first`.
    pub order: Option<String>,
}

/// `deploy.placement`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// `constraints`.
    pub constraints: Vec<String>,
    /// `preferences[].spread`.
    pub spread: Vec<String>,
    /// `max_replicas_per_node`.
    pub max_replicas_per_node: Option<u32>,
}
