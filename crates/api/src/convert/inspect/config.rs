//! `Config`: the process as it was resolved.

use crate::convert::map;
use bollard_stubs::models::{ContainerConfig, HealthConfig};
use engine::{
    snapshot::ContainerSnapshot,
    spec::{HealthTest, Healthcheck},
};

pub(super) fn config(snapshot: &ContainerSnapshot) -> ContainerConfig {
    let (spec, process) = (&snapshot.spec, &snapshot.process);
    let some = |values: &[String]| (!values.is_empty()).then(|| values.to_vec());
    let paths: Vec<String> = process.volumes.iter().map(|path| path.display().to_string()).collect();
    let ports: Vec<String> = process.exposed.iter().map(ToString::to_string).collect();
    ContainerConfig {
        hostname: Some(snapshot.hostname.clone()),
        domainname: Some(spec.domainname.clone().unwrap_or_default()),
        user: Some(process.user.clone()),
        attach_stdin: Some(spec.streams.attach_stdin),
        attach_stdout: Some(spec.streams.attach_stdout),
        attach_stderr: Some(spec.streams.attach_stderr),
        exposed_ports: some(&ports),
        tty: Some(spec.streams.tty),
        open_stdin: Some(spec.streams.open_stdin),
        stdin_once: Some(spec.streams.stdin_once),
        env: Some(process.env.clone()),
        cmd: some(&process.command),
        healthcheck: process.healthcheck.as_ref().map(health),
        image: Some(spec.image.clone()),
        volumes: some(&paths),
        working_dir: Some(process.working_dir.display().to_string()),
        entrypoint: some(&process.entrypoint),
        labels: Some(map(&process.labels)),
        stop_signal: process.stop_signal.map(|signal| signal.to_string()),
        stop_timeout: spec.stop_timeout,
        shell: some(&process.shell),
        ..ContainerConfig::default()
    }
}

fn health(check: &Healthcheck) -> HealthConfig {
    let nanoseconds =
        |time: Option<std::time::Duration>| time.and_then(|time| i64::try_from(time.as_nanos()).ok());
    HealthConfig {
        test: match &check.test {
            HealthTest::Inherit => None,
            HealthTest::Disabled => Some(vec!["NONE".to_owned()]),
            HealthTest::Command(argv) => {
                Some(std::iter::once("CMD".to_owned()).chain(argv.iter().cloned()).collect())
            }
            HealthTest::Shell(line) => Some(vec!["CMD-SHELL".to_owned(), line.clone()]),
        },
        interval: nanoseconds(check.interval),
        timeout: nanoseconds(check.timeout),
        retries: check.retries.map(Into::into),
        start_period: nanoseconds(check.start_period),
        start_interval: nanoseconds(check.start_interval),
    }
}
