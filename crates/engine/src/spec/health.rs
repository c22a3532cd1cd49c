use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a container's health is found out; unset times take Docker's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    /// What is run.
    pub test: HealthTest,
    /// Time between checks; 30 s by default.
    pub interval: Option<Duration>,
    /// Time after which a check has failed; 30 s by default.
    pub timeout: Option<Duration>,
    /// Failures in a row that make it unhealthy; 3 by default.
    pub retries: Option<u32>,
    /// Time after the start in which failures do not count; 0 by default.
    pub start_period: Option<Duration>,
    /// Time between checks during the start period; 5 s by default.
    pub start_interval: Option<Duration>,
}

/// The command of a health check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthTest {
    /// The image's.
    #[default]
    Inherit,
    /// No check, even when the image has one (`["NONE"]`).
    Disabled,
    /// A program and its arguments (`["CMD", …]`).
    Command(Vec<String>),
    /// A line for the image's shell (`["CMD-SHELL", …]`).
    Shell(String),
}
