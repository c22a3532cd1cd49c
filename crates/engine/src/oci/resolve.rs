//! The image's configuration with the container's over it.

use crate::{
    snapshot::ResolvedProcess,
    spec::{ContainerSpec, EnvVar, HealthTest, Healthcheck, MountKind, Signal},
};
use image::ContainerConfig;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Docker's search path for containers whose image sets none.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why an image and a container together describe no process.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResolveProcessError {
    /// Neither names a program.
    #[error("no command specified: neither the image nor the container names a program to run")]
    NoCommand,
    /// A working directory of the image is not absolute.
    #[error("the working directory {0:?} is not an absolute path")]
    WorkingDir(PathBuf),
}

/// Merges, as Docker does: an entrypoint of the container also clears the image's command.
pub(crate) fn process(
    spec: &ContainerSpec,
    image: &ContainerConfig,
) -> Result<ResolvedProcess, ResolveProcessError> {
    let (entrypoint, command) = command_line(spec, image);
    if entrypoint.is_empty() && command.is_empty() {
        return Err(ResolveProcessError::NoCommand);
    }
    let mut labels = image.labels.clone();
    labels.extend(spec.labels.clone());
    Ok(ResolvedProcess {
        entrypoint,
        command,
        env: environment(spec, image),
        working_dir: working_dir(spec, image)?,
        user: spec.user.clone().unwrap_or_else(|| image.user.clone()),
        labels,
        exposed: image
            .exposed_ports
            .keys()
            .filter_map(|port| port.parse().ok())
            .chain(spec.exposed.iter().copied())
            .chain(spec.network.ports.iter().map(|binding| binding.container))
            .collect(),
        volumes: volumes(spec, image),
        healthcheck: healthcheck(spec.healthcheck.as_ref(), image),
        stop_signal: spec.stop_signal.or_else(|| Signal::parse(image.stop_signal.as_deref()?).ok()),
        shell: image.shell.clone().unwrap_or_default(),
    })
}

fn command_line(spec: &ContainerSpec, image: &ContainerConfig) -> (Vec<String>, Vec<String>) {
    match (&spec.entrypoint, &spec.command) {
        (Some(entrypoint), command) => (entrypoint.clone(), command.clone().unwrap_or_default()),
        (None, Some(command)) => (image.entrypoint.clone().unwrap_or_default(), command.clone()),
        (None, None) => (image.entrypoint.clone().unwrap_or_default(), image.cmd.clone().unwrap_or_default()),
    }
}

/// What was given, then what the image has besides it.
fn environment(spec: &ContainerSpec, image: &ContainerConfig) -> Vec<String> {
    let mut merged: Vec<(String, Option<String>)> = Vec::new();
    for variable in spec.env.iter().cloned() {
        let (name, value) = parts(variable);
        match merged.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => merged.push((name, value)),
        }
    }
    for (name, value) in image.env.iter().map(|text| parts(EnvVar::parse(text))) {
        if merged.iter().all(|(known, _)| *known != name) {
            merged.push((name, value));
        }
    }
    let set = merged.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let mut texts: Vec<String> = set.collect();
    if !texts.iter().any(|text| text.starts_with("PATH=")) {
        texts.insert(0, DEFAULT_PATH.to_owned());
    }
    texts
}

/// A variable's name, and its value unless it is taken away.
fn parts(variable: EnvVar) -> (String, Option<String>) {
    match variable {
        EnvVar::Set(name, value) => (name, Some(value)),
        EnvVar::Unset(name) => (name, None),
    }
}

fn working_dir(spec: &ContainerSpec, image: &ContainerConfig) -> Result<PathBuf, ResolveProcessError> {
    let dir = match (&spec.working_dir, image.working_dir.as_str()) {
        (Some(dir), _) => dir.clone(),
        (None, "") => PathBuf::from("/"),
        (None, dir) => PathBuf::from(dir),
    };
    if dir.is_absolute() { Ok(dir) } else { Err(ResolveProcessError::WorkingDir(dir)) }
}

fn volumes(spec: &ContainerSpec, image: &ContainerConfig) -> std::collections::BTreeSet<PathBuf> {
    let anonymous =
        spec.mounts.iter().filter(|mount| matches!(&mount.kind, MountKind::Volume(v) if v.name.is_none()));
    image.volumes.keys().map(PathBuf::from).chain(anonymous.map(|mount| mount.target.clone())).collect()
}

/// The container's check with the image's values where it says nothing; none when there is none.
fn healthcheck(wanted: Option<&Healthcheck>, image: &ContainerConfig) -> Option<Healthcheck> {
    let inherited = image.healthcheck.as_ref().map(image_healthcheck).unwrap_or_default();
    let wanted = wanted.cloned().unwrap_or_default();
    let test = match (wanted.test, inherited.test) {
        (HealthTest::Inherit, test) => test,
        (test, _) => test,
    };
    if matches!(test, HealthTest::Inherit | HealthTest::Disabled) {
        return None;
    }
    Some(Healthcheck {
        test,
        interval: wanted.interval.or(inherited.interval),
        timeout: wanted.timeout.or(inherited.timeout),
        retries: wanted.retries.or(inherited.retries),
        start_period: wanted.start_period.or(inherited.start_period),
        start_interval: wanted.start_interval.or(inherited.start_interval),
    })
}

fn image_healthcheck(check: &image::Healthcheck) -> Healthcheck {
    let time = |nanoseconds: i64| {
        u64::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds > 0).map(Duration::from_nanos)
    };
    Healthcheck {
        test: match check.test.split_first() {
            None => HealthTest::Inherit,
            Some((form, rest)) => match (form.as_str(), rest) {
                ("CMD", [_, ..]) => HealthTest::Command(rest.to_vec()),
                ("CMD-SHELL", [line]) => HealthTest::Shell(line.clone()),
                _ => HealthTest::Disabled,
            },
        },
        interval: time(check.interval),
        timeout: time(check.timeout),
        retries: u32::try_from(check.retries).ok().filter(|count| *count > 0),
        start_period: time(check.start_period),
        start_interval: time(check.start_interval),
    }
}

/// Adds what the engine sets itself: `HOSTNAME`, `HOME`, and `TERM` with a terminal.
pub(crate) fn final_environment(
    process: &ResolvedProcess,
    hostname: &str,
    home: &str,
    tty: bool,
) -> Vec<String> {
    let mut defaults: BTreeMap<&str, &str> = BTreeMap::from([("HOME", home)]);
    if !hostname.is_empty() {
        defaults.insert("HOSTNAME", hostname);
    }
    if tty {
        defaults.insert("TERM", "xterm");
    }
    let mut all = process.env.clone();
    for (name, value) in defaults {
        let prefix = format!("{name}=");
        if !all.iter().any(|text| text.starts_with(&prefix)) {
            all.push(format!("{prefix}{value}"));
        }
    }
    all
}
