//! Commands executed in running containers.

use crate::{
    Engine,
    containers::{into_tokio, resolve_identity},
    error::{EngineError, StartFailure},
    id::{ContainerId, ExecId},
    oci::{capabilities, config},
    op::{Attachment, ExecSpec, ExecStart},
    records::ContainerRecord,
    snapshot::ExecSnapshot,
};
use container::{
    client::{ClientError, ShimClient, decode, spawn},
    protocol::{
        AttachStreams, ConsoleSize, ExecKind, Kind, ProcessId, Request, Response, Runtime, ShimConfig,
        StdinPolicy,
    },
};
use oci_spec::runtime::{Process, Spec};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    sync::{Notify, oneshot},
};

/// How long a command's start is waited for by those who need it running.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Executed commands that are remembered after their end, in each container.
const REMEMBERED: usize = 32;

/// A command.
#[derive(Debug, Clone)]
pub(crate) struct Exec {
    pub(crate) id: ExecId,
    pub(crate) container: ContainerId,
    pub(crate) spec: ExecSpec,
    pub(crate) state: ExecState,
    /// Told at each change of `state`.
    pub(crate) changed: Arc<Notify>,
}

/// What a command does.
#[derive(Debug, Clone)]
pub(crate) enum ExecState {
    Created,
    Running { pid: Option<u32> },
    Ended { pid: Option<u32>, code: i64 },
}

impl Exec {
    /// It runs.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, ExecState::Running { .. })
    }

    fn snapshot(&self) -> ExecSnapshot {
        let (exit_code, pid) = match self.state {
            ExecState::Created => (None, None),
            ExecState::Running { pid } => (None, pid),
            ExecState::Ended { pid, code } => (Some(code), pid),
        };
        ExecSnapshot {
            id: self.id.clone(),
            container: self.container.clone(),
            spec: self.spec.clone(),
            running: self.is_running(),
            exit_code,
            pid,
        }
    }
}

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
    fn pid(&self) -> Option<u32> {
        u32::try_from(self.process.pid).ok()
    }
}

impl Engine {
    /// Prepares a command for a running container.
    pub async fn exec_create(&self, reference: &str, spec: ExecSpec) -> Result<ExecId, EngineError> {
        let mut state = self.state();
        let container_id = state.find(reference)?;
        let container = state.container(&container_id)?;
        if container.live.paused {
            return Err(container.wrong_state("unpause it before you execute commands in it"));
        }
        if !container.state.phase.is_running() {
            return Err(container.wrong_state("commands are executed in running containers only"));
        }
        let record = Arc::clone(&container.record);
        let id = ExecId::random();
        let line = spec.command.join(" ");
        forget_old(&mut state.execs, &container_id);
        let exec = Exec {
            id: id.clone(),
            container: container_id,
            spec,
            state: ExecState::Created,
            changed: Arc::default(),
        };
        state.execs.insert(id.clone(), exec);
        drop(state);
        self.container_event(&record, &format!("exec_create: {line}"), &[("execID", id.to_string())]);
        Ok(id)
    }

    /// What is known of a command.
    pub async fn exec_inspect(&self, id: &str) -> Result<ExecSnapshot, EngineError> {
        let state = self.state();
        let exec = state.execs.get(id).ok_or_else(|| EngineError::NoSuchExec(id.to_owned()))?;
        Ok(exec.snapshot())
    }

    /// Starts a prepared command; yields its streams unless it is detached.
    pub async fn exec_start(&self, id: &str, start: ExecStart) -> Result<Option<Attachment>, EngineError> {
        let exec = self.claim_exec(id)?;
        let record = self.look(&exec.container, |container| Arc::clone(&container.record))?;
        let tty = exec.spec.tty;
        let (wanted, exec_id) = (exec.clone(), exec.id.clone());
        let started =
            self.blocking(move |engine| engine.spawn_exec(&record, &wanted.id, &wanted.spec, start)).await;
        let started = match started {
            Ok(started) => started,
            Err(error) => {
                let code = match &error {
                    EngineError::Start(failure) => i64::from(failure.kind.exit_code()),
                    _ => 126,
                };
                self.set_exec(&exec_id, ExecState::Ended { pid: None, code });
                return Err(error);
            }
        };
        let pid = started.pid();
        self.set_exec(&exec_id, ExecState::Running { pid });
        let line = exec.spec.command.join(" ");
        self.container_event_of(
            &exec.container,
            &format!("exec_start: {line}"),
            &[("execID", exec_id.to_string())],
        );
        let (ended, recorded) = oneshot::channel();
        let attachment = match started.streams {
            None => None,
            Some(streams) => {
                let (sender, receiver) = oneshot::channel();
                let _ = sender.send(into_tokio(streams)?);
                Some(Attachment { tty, stream: receiver, ended: Some(recorded) })
            }
        };
        self.watch_exec(exec, started.control, started.run_dir, pid, ended);
        Ok(attachment)
    }

    /// A command can be started once.
    fn claim_exec(&self, id: &str) -> Result<Exec, EngineError> {
        let mut state = self.state();
        let exec = state.execs.get_mut(id).ok_or_else(|| EngineError::NoSuchExec(id.to_owned()))?;
        if !matches!(exec.state, ExecState::Created) {
            return Err(EngineError::Conflict(format!("the command {id} has been started already")));
        }
        exec.state = ExecState::Running { pid: None };
        Ok(exec.clone())
    }

    fn set_exec(&self, id: &ExecId, to: ExecState) {
        if let Some(exec) = self.state().execs.get_mut(id) {
            exec.state = to;
            exec.changed.notify_waiters();
        }
    }

    /// A command that has been asked to start, as soon as it has or could not.
    async fn exec_begun(&self, id: &str) -> Result<ExecSnapshot, EngineError> {
        let changed = {
            let state = self.state();
            let exec = state.execs.get(id).ok_or_else(|| EngineError::NoSuchExec(id.to_owned()))?;
            Arc::clone(&exec.changed)
        };
        let begun = async {
            loop {
                let change = changed.notified();
                let exec = self.exec_inspect(id).await?;
                if !exec.running || exec.pid.is_some() {
                    return Ok(exec);
                }
                change.await;
            }
        };
        let late = || EngineError::Conflict(format!("the command {id} does not get to start"));
        tokio::time::timeout(START_PATIENCE, begun).await.map_err(|_| late())?
    }

    /// Changes the size of a command's terminal.
    pub async fn exec_resize(&self, id: &str, columns: u16, rows: u16) -> Result<(), EngineError> {
        let exec = self.exec_begun(id).await?;
        if !exec.running {
            return Err(EngineError::Conflict(format!(
                "the command {id} does not run: it has no terminal to resize"
            )));
        }
        let run_dir = self.exec_run(&exec.container, &exec.id);
        self.blocking(move |_| {
            let size = ConsoleSize { height: rows, width: columns };
            let resized =
                ShimClient::connect(&run_dir).and_then(|mut shim| shim.request(&Request::Resize(size)));
            resized
                .map(drop)
                .map_err(|source| EngineError::Shim { container: exec.container.to_string(), source })
        })
        .await
    }

    fn exec_run(&self, container: &ContainerId, id: &ExecId) -> PathBuf {
        self.container_run(container).join(format!("exec-{}", id.short()))
    }

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
                process: self.exec_process(record, spec)?,
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

    fn exec_process(&self, record: &ContainerRecord, spec: &ExecSpec) -> Result<Process, EngineError> {
        let image = self.find_image(&record.image_id)?;
        let lower = self.store().lower_dirs(&image);
        let user = spec.user.as_deref().unwrap_or(&record.process.user);
        let identity = resolve_identity(self, record, &lower, user)?;
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

    /// Records a command's end when it comes.
    fn watch_exec(
        &self,
        exec: Exec,
        control: ShimClient,
        run_dir: PathBuf,
        pid: Option<u32>,
        ended: oneshot::Sender<()>,
    ) {
        let engine = self.clone();
        tokio::spawn(async move {
            let code = exit_code(control).await;
            engine.set_exec(&exec.id, ExecState::Ended { pid, code });
            // Its client may be gone.
            let _ = ended.send(());
            let _ = tokio::fs::remove_dir_all(&run_dir).await;
            let more = [("execID", exec.id.to_string()), ("exitCode", code.to_string())];
            engine.container_event_of(&exec.container, "exec_die", &more);
        });
    }

    /// Marks the commands of a container that ended as ended.
    pub(crate) fn forget_execs(&self, container: &ContainerId) {
        let mut state = self.state();
        for exec in state.execs.values_mut().filter(|exec| exec.container == *container) {
            if let ExecState::Running { pid } = exec.state {
                exec.state = ExecState::Ended { pid, code: 137 };
            }
        }
    }
}

fn forget_old(execs: &mut std::collections::BTreeMap<ExecId, Exec>, container: &ContainerId) {
    let ended = execs
        .values()
        .filter(|exec| exec.container == *container && matches!(exec.state, ExecState::Ended { .. }));
    let ids: Vec<ExecId> = ended.map(|exec| exec.id.clone()).collect();
    for id in ids.iter().take(ids.len().saturating_sub(REMEMBERED)) {
        execs.remove(id);
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
        ExecError::Client(ClientError::Refused(failure)) => {
            StartFailure { container, kind: failure.kind, message: failure.message }.into()
        }
        ExecError::Client(source) => EngineError::Shim { container, source },
    }
}

/// Waits for a command's end, which its shim tells unasked; as if killed when its shim is gone without an answer.
pub(crate) async fn exit_code(control: ShimClient) -> i64 {
    let answer = async {
        // Kept until the shim has gone, to reap it.
        let (stream, _shim) = control.into_parts();
        let mut stream = BufReader::with_capacity(512, into_tokio(stream).ok()?);
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).await.ok()?;
        match decode(&line) {
            Ok(Response::Exited(record)) => Some(i64::from(record.exit_code)),
            _ => None,
        }
    };
    answer.await.unwrap_or(137)
}
