//! Starting a command beside a container's process.

use crate::{
    Engine,
    containers::resolve_identity,
    error::{EngineError, StartFailure, Starting},
    id::ExecId,
    oci::{capabilities, config},
    op::{ExecSpec, ExecStart},
    records::ContainerRecord,
};
use container::{
    client::{ClientError, ShimClient, spawn},
    protocol::{AttachStreams, ConsoleSize, ExecKind, Kind, ProcessId, Runtime, ShimConfig, StdinPolicy},
};
use image::View;
use oci_spec::runtime::{Process, Spec};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A started command.
pub(crate) struct Started {
    /// Its streams, when they were asked for.
    pub(crate) streams: Option<std::os::unix::net::UnixStream>,
    pub(crate) process: ProcessId,
    /// Tells the end.
    pub(crate) control: ShimClient,
    pub(crate) run_dir: PathBuf,
}

impl Started {
    pub(super) fn pid(&self) -> Option<u32> {
        u32::try_from(self.process.pid).ok()
    }
}

impl Engine {
    /// Starts a command beside a container's process.
    pub(crate) fn spawn_exec(
        &self,
        record: &ContainerRecord,
        id: &ExecId,
        spec: &ExecSpec,
        start: ExecStart,
    ) -> Result<Started, EngineError> {
        let target = self.process_of(record)?;
        let run_dir = self.exec_run(&record.id, id);
        fs::create_dir(&run_dir).map_err(EngineError::io("make the directory", &run_dir))?;
        let config = self.exec_config(record, id, spec, start, target, &run_dir)?;
        let started = start_shim(&self.inner.config.program, &config, spec, start.detach);
        match started {
            Ok((control, streams, process)) => Ok(Started { streams, process, control, run_dir }),
            Err(error) => {
                let _ = fs::remove_dir_all(&run_dir);
                Err(exec_failure(record, error))
            }
        }
    }

    fn process_of(&self, record: &ContainerRecord) -> Result<ProcessId, EngineError> {
        let state = self.state();
        let container = state.container(&record.id)?;
        let process = container.state.phase.run().and_then(|run| run.process);
        process.ok_or_else(|| container.wrong_state("commands are executed in running containers only"))
    }

    fn exec_config(
        &self,
        record: &ContainerRecord,
        id: &ExecId,
        spec: &ExecSpec,
        start: ExecStart,
        target: ProcessId,
        run_dir: &Path,
    ) -> Result<ShimConfig, EngineError> {
        let size = start.console_size.or(spec.console_size);
        Ok(ShimConfig {
            id: id.to_string(),
            run_dir: run_dir.to_owned(),
            kind: Kind::Exec(Box::new(ExecKind {
                container: record.id.to_string(),
                container_dir: self.container_run(&record.id),
                target,
                spec: self.container_spec(record)?,
                process: self.exec_process(record, target.pid, spec)?,
            })),
            console_size: size.map(|(width, height)| ConsoleSize { height, width }),
            stdin: if spec.attach_stdin { StdinPolicy::Once } else { StdinPolicy::Closed },
            log: None,
            runtime: match &record.spec.runtime {
                None => Runtime::BuiltIn,
                Some(program) => Runtime::External(PathBuf::from(program)),
            },
        })
    }

    /// What an executed command takes from its container: control group and system call filter.
    fn container_spec(&self, record: &ContainerRecord) -> Result<Spec, EngineError> {
        config::exec_environment(&record.spec, Self::cgroup_path(record), &self.inner.host)
            .map_err(EngineError::from)
    }

    fn exec_process(
        &self,
        record: &ContainerRecord,
        pid: i32,
        spec: &ExecSpec,
    ) -> Result<Process, EngineError> {
        let user = spec.user.as_deref().unwrap_or(&record.process.user);
        let own_root = View::new(vec![PathBuf::from(format!("/proc/{pid}/root"))]);
        let identity = resolve_identity(&own_root, record, user)?;
        let mut merged = record.process.clone();
        for variable in &spec.env {
            let name = variable.split('=').next().unwrap_or_default();
            merged.env.retain(|known| known.split('=').next() != Some(name));
            if variable.contains('=') {
                merged.env.push(variable.clone());
            }
        }
        let held = match spec.privileged {
            true => capabilities::ALL.to_vec(),
            false => capabilities::effective(&record.spec.security).map_err(config::ConfigError::from)?,
        };
        let held: Vec<_> =
            held.into_iter().filter(|one| self.inner.host.capabilities.contains(one)).collect();
        let mut process = Process::default();
        process.set_terminal(Some(spec.tty));
        process.set_user(config::user(&identity)?);
        process.set_args(Some(spec.command.clone()));
        let env = crate::oci::resolve::final_environment(&merged, &record.hostname, &identity.home, spec.tty);
        process.set_env(Some(env));
        process.set_cwd(spec.working_dir.clone().unwrap_or_else(|| record.process.working_dir.clone()));
        process.set_capabilities(Some(config::process_capabilities(&held, identity.uid == 0)?));
        process.set_rlimits(config::rlimits(&record.spec)?);
        process.set_no_new_privileges(Some(record.spec.security.no_new_privileges));
        Ok(process)
    }
}

type ShimStreams = (ShimClient, Option<std::os::unix::net::UnixStream>, ProcessId);

fn start_shim(
    program: &Path,
    config: &ShimConfig,
    spec: &ExecSpec,
    detach: bool,
) -> Result<ShimStreams, ExecError> {
    let mut control = spawn(program, config).map_err(ExecError::Spawn)?;
    let state = control.created().map_err(ExecError::Client)?;
    let streams =
        AttachStreams { stdin: spec.attach_stdin, stdout: spec.attach_stdout, stderr: spec.attach_stderr };
    let wants = !detach && (streams.stdin || streams.stdout || streams.stderr);
    let attached = match wants {
        true => Some(
            ShimClient::connect(&config.run_dir)
                .and_then(|shim| shim.attach(streams))
                .map_err(ExecError::Client)?,
        ),
        false => None,
    };
    control.start().map_err(ExecError::Client)?;
    Ok((control, attached, state.process))
}

enum ExecError {
    Spawn(container::client::SpawnError),
    Client(ClientError),
}

fn exec_failure(record: &ContainerRecord, error: ExecError) -> EngineError {
    let container = record.name.clone();
    match error {
        ExecError::Spawn(error) => EngineError::network("start the shim")(error),
        ExecError::Client(ClientError::Refused(failure)) => StartFailure {
            starting: Starting::Command,
            container,
            kind: failure.kind,
            message: failure.message,
        }
        .into(),
        ExecError::Client(source) => EngineError::Shim { container, source },
    }
}
