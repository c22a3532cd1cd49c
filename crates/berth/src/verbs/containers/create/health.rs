//! `--health-*`.

use clap::Args;
use serde_json::{Value, json};

use super::{Object, Request};
use crate::failure::Failure;
use crate::units::nanoseconds;

/// Flags about health checks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Health")]
pub(crate) struct HealthFlags {
    /// Command that tells whether the container is healthy
    #[arg(long, value_name = "COMMAND")]
    health_cmd: Option<String>,
    /// Time between checks
    #[arg(long, value_name = "DURATION")]
    health_interval: Option<String>,
    /// Longest time of one check
    #[arg(long, value_name = "DURATION")]
    health_timeout: Option<String>,
    /// Failures in a row until unhealthy
    #[arg(long, value_name = "N")]
    health_retries: Option<u32>,
    /// Time in which failures do not count
    #[arg(long, value_name = "DURATION")]
    health_start_period: Option<String>,
    /// Time between checks while starting
    #[arg(long, value_name = "DURATION")]
    health_start_interval: Option<String>,
    /// Do not check, whatever the image says
    #[arg(long)]
    no_healthcheck: bool,
}

impl HealthFlags {
    pub(super) fn apply(&self, request: &mut Request) -> Result<(), Failure> {
        let mut check = Object::default();
        if let Some(line) = &self.health_cmd {
            check.set("Test", json!(["CMD-SHELL", line]));
        }
        let times = [
            ("Interval", &self.health_interval),
            ("Timeout", &self.health_timeout),
            ("StartPeriod", &self.health_start_period),
            ("StartInterval", &self.health_start_interval),
        ];
        for (key, text) in times {
            check.option(key, text.as_deref().map(nanoseconds).transpose()?);
        }
        check.option("Retries", self.health_retries);
        if self.no_healthcheck {
            if !check.0.is_empty() {
                return Err(Failure::new("--no-healthcheck conflicts with the --health-* flags"));
            }
            check.set("Test", Value::from(vec!["NONE"]));
        }
        request.config.object("Healthcheck", check.0);
        Ok(())
    }
}
