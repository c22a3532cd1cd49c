//! When a service starts, how it is known to be well, and how it stops.

use super::{Nanoseconds, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Dependencies, health, restarting and stopping of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lifecycle {
    /// `depends_on`, with what `links`, `volumes_from` and `service:` modes imply.
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// `healthcheck`; absent means the image's.
    pub healthcheck: Option<Healthcheck>,
    /// `restart`, or what `deploy.restart_policy` amounts to.
    pub restart: RestartPolicy,
    /// `deploy.restart_policy.delay`: the time between an exit and the restart; absent means the engine's back-off.
    pub restart_delay: Option<Nanoseconds>,
    /// `stop_signal`: a name or number; absent means the image's.
    pub stop_signal: Option<String>,
    /// `stop_grace_period`; absent means the engine's default (10 s).
    pub stop_grace_period: Option<Nanoseconds>,
}

/// One entry of `depends_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// What must be true before the dependent starts.
    pub condition: Condition,
    /// `restart`: the dependent is restarted when this dependency is.
    #[serde(default)]
    pub restart: bool,
    /// `required`: without it, a dependency that is not there or fails is only a warning.
    #[serde(default = "yes")]
    pub required: bool,
}

impl Default for Dependency {
    fn default() -> Self {
        Self { condition: Condition::ServiceStarted, restart: false, required: true }
    }
}

fn yes() -> bool {
    true
}

/// `depends_on.condition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its containers were started.
    #[default]
    ServiceStarted,
    /// Its containers are healthy.
    ServiceHealthy,
    /// Its containers exited with 0.
    ServiceCompletedSuccessfully,
}

impl Condition {
    /// The name in a compose file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceStarted => "service_started",
            Self::ServiceHealthy => "service_healthy",
            Self::ServiceCompletedSuccessfully => "service_completed_successfully",
        }
    }
}

/// `healthcheck`. What is absent comes from the image, then from the engine's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    /// `test` (and `disable`).
    pub test: HealthTest,
    /// `interval` between checks.
    pub interval: Option<Nanoseconds>,
    /// `timeout` of one check.
    pub timeout: Option<Nanoseconds>,
    /// `retries`: failures in a row until unhealthy.
    pub retries: Option<u32>,
    /// `start_period`: failures do not count during it.
    pub start_period: Option<Nanoseconds>,
    /// `start_interval` between checks during the start period.
    pub start_interval: Option<Nanoseconds>,
}

/// `healthcheck.test`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthTest {
    /// No test is given: the image's.
    #[default]
    Inherit,
    /// `NONE` or `disable: true`: no checks, not even the image's.
    Disabled,
    /// `CMD`: a program and its arguments.
    Command(Vec<String>),
    /// `CMD-SHELL`: a line for the container's shell.
    Shell(String),
}

/// `restart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// `no`.
    #[default]
    No,
    /// `always`.
    Always,
    /// `on-failure[:retries]`.
    OnFailure {
        /// How often at most; absent means without end.
        max_retries: Option<u32>,
    },
    /// `unless-stopped`.
    UnlessStopped,
}
