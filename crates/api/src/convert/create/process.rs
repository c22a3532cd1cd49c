//! The process: arguments, environment, streams, health.

use super::{list, sorted, text};
use crate::error::BadRequest;
use bollard_stubs::models::{ContainerCreateBody, HealthConfig, HostConfig};
use engine::spec::{ContainerSpec, EnvVar, HealthTest, Healthcheck, Signal, StreamSettings};
use std::{path::PathBuf, time::Duration};

/// The fields that describe the process; the others keep their defaults.
pub(super) fn spec(body: &ContainerCreateBody, host: &HostConfig) -> Result<ContainerSpec, BadRequest> {
    Ok(ContainerSpec {
        image: body.image.clone().unwrap_or_default(),
        hostname: text(&body.hostname),
        domainname: text(&body.domainname),
        user: text(&body.user),
        command: body.cmd.clone().filter(|arguments| !arguments.is_empty()),
        entrypoint: body.entrypoint.clone().map(cleared),
        env: list(&body.env).iter().map(|variable| EnvVar::parse(variable)).collect(),
        working_dir: text(&body.working_dir).map(working_dir).transpose()?,
        labels: sorted(&body.labels),
        streams: streams(body, host),
        stop_signal: stop_signal(&body.stop_signal)?,
        stop_timeout: body.stop_timeout,
        healthcheck: body.healthcheck.as_ref().map(healthcheck).transpose()?,
        exposed: exposed(body)?,
        ..ContainerSpec::default()
    })
}

/// Clients clear an image's entrypoint with a single empty string.
fn cleared(entrypoint: Vec<String>) -> Vec<String> {
    if entrypoint == [""] { Vec::new() } else { entrypoint }
}

fn working_dir(path: String) -> Result<PathBuf, BadRequest> {
    let path = PathBuf::from(path);
    match path.is_absolute() {
        true => Ok(path),
        false => Err(BadRequest::field(
            "WorkingDir",
            format!("the working directory {:?} is not an absolute path", path.display().to_string()),
        )),
    }
}

fn streams(body: &ContainerCreateBody, host: &HostConfig) -> StreamSettings {
    let size = host.console_size.as_deref().and_then(|size| match size {
        [rows, columns] => Some((u16::try_from(*columns).ok()?, u16::try_from(*rows).ok()?)),
        _ => None,
    });
    StreamSettings {
        tty: body.tty.unwrap_or_default(),
        open_stdin: body.open_stdin.unwrap_or_default(),
        stdin_once: body.stdin_once.unwrap_or_default(),
        attach_stdin: body.attach_stdin.unwrap_or_default(),
        attach_stdout: body.attach_stdout.unwrap_or_default(),
        attach_stderr: body.attach_stderr.unwrap_or_default(),
        console_size: size.filter(|(columns, rows)| *columns > 0 && *rows > 0),
    }
}

fn stop_signal(signal: &Option<String>) -> Result<Option<Signal>, BadRequest> {
    let parsed = text(signal).map(|name| Signal::parse(&name)).transpose();
    parsed.map_err(|error| BadRequest::field("StopSignal", error.to_string()))
}

fn exposed(
    body: &ContainerCreateBody,
) -> Result<std::collections::BTreeSet<engine::spec::ContainerPort>, BadRequest> {
    let ports = body.exposed_ports.iter().flatten().map(|port| port.parse());
    ports
        .collect::<Result<_, _>>()
        .map_err(|error: engine::spec::ParsePortError| BadRequest::field("ExposedPorts", error.to_string()))
}

/// The shortest time a health check accepts, as Docker's.
const SHORTEST: Duration = Duration::from_millis(1);

/// Reads a health check; zero times mean "not set".
pub(super) fn healthcheck(config: &HealthConfig) -> Result<Healthcheck, BadRequest> {
    Ok(Healthcheck {
        test: health_test(config.test.as_deref().unwrap_or_default())?,
        interval: duration("Healthcheck.Interval", config.interval)?,
        timeout: duration("Healthcheck.Timeout", config.timeout)?,
        retries: match config.retries {
            None | Some(0) => None,
            Some(count) => Some(u32::try_from(count).map_err(|_| {
                BadRequest::field("Healthcheck.Retries", format!("{count} is not a number of retries"))
            })?),
        },
        start_period: duration("Healthcheck.StartPeriod", config.start_period)?,
        start_interval: duration("Healthcheck.StartInterval", config.start_interval)?,
    })
}

fn duration(field: &'static str, nanoseconds: Option<i64>) -> Result<Option<Duration>, BadRequest> {
    let Some(nanoseconds) = super::unsigned(field, nanoseconds)? else { return Ok(None) };
    match Duration::from_nanos(nanoseconds) {
        short if short < SHORTEST => Err(BadRequest::field(field, "must be at least 1 ms")),
        duration => Ok(Some(duration)),
    }
}

fn health_test(test: &[String]) -> Result<HealthTest, BadRequest> {
    let Some((form, rest)) = test.split_first() else { return Ok(HealthTest::Inherit) };
    match (form.as_str(), rest) {
        ("NONE", _) => Ok(HealthTest::Disabled),
        ("CMD", [_, ..]) => Ok(HealthTest::Command(rest.to_vec())),
        ("CMD-SHELL", [line]) => Ok(HealthTest::Shell(line.clone())),
        _ => Err(BadRequest::field(
            "Healthcheck.Test",
            format!("{test:?} is not one of [\"NONE\"], [\"CMD\", program, …], [\"CMD-SHELL\", line]"),
        )),
    }
}
