//! Process, health and stopping.

use crate::spec::{ContainerSpec, EnvVar, HealthTest, Healthcheck, RestartPolicy, Signal};
use compose::model::{self, Nanoseconds, Service};
use std::time::Duration;

pub(super) fn apply(service: &Service, spec: &mut ContainerSpec) -> Result<(), String> {
    let process = &service.process;
    spec.hostname = process.hostname.clone();
    spec.domainname = process.domainname.clone();
    spec.user = process.user.clone();
    spec.command = process.command.clone();
    spec.entrypoint = process.entrypoint.clone();
    spec.env = process.environment.iter().map(|(name, value)| variable(name, value.as_deref())).collect();
    spec.working_dir = process.working_dir.as_ref().map(Into::into);
    spec.streams.tty = process.tty;
    spec.streams.open_stdin = process.stdin_open;
    spec.init = process.init;
    let lifecycle = &service.lifecycle;
    spec.stop_signal = match &lifecycle.stop_signal {
        Some(text) => Some(Signal::parse(text).map_err(|error| error.to_string())?),
        None => None,
    };
    spec.stop_timeout = lifecycle.stop_grace_period.map(whole_seconds);
    spec.healthcheck = lifecycle.healthcheck.as_ref().map(health);
    spec.restart = match lifecycle.restart {
        model::RestartPolicy::No => RestartPolicy::No,
        model::RestartPolicy::Always => RestartPolicy::Always,
        model::RestartPolicy::UnlessStopped => RestartPolicy::UnlessStopped,
        model::RestartPolicy::OnFailure { max_retries } => RestartPolicy::OnFailure { max: max_retries },
    };
    spec.restart_delay = lifecycle.restart_delay.map(Duration::from);
    Ok(())
}

fn variable(name: &str, value: Option<&str>) -> EnvVar {
    match value {
        Some(value) => EnvVar::Set(name.to_owned(), value.to_owned()),
        None => EnvVar::Unset(name.to_owned()),
    }
}

/// Rounded up: a grace period is never shorter than asked for.
fn whole_seconds(time: Nanoseconds) -> i64 {
    i64::try_from(time.0.div_ceil(1_000_000_000)).unwrap_or(i64::MAX)
}

fn health(health: &model::Healthcheck) -> Healthcheck {
    let time = |value: Option<Nanoseconds>| value.map(Duration::from);
    Healthcheck {
        test: match &health.test {
            model::HealthTest::Inherit => HealthTest::Inherit,
            model::HealthTest::Disabled => HealthTest::Disabled,
            model::HealthTest::Command(words) => HealthTest::Command(words.clone()),
            model::HealthTest::Shell(line) => HealthTest::Shell(line.clone()),
        },
        interval: time(health.interval),
        timeout: time(health.timeout),
        retries: health.retries,
        start_period: time(health.start_period),
        start_interval: time(health.start_interval),
    }
}
