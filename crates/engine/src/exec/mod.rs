//! Commands executed in running containers.

mod spawn;

use crate::{
    Engine,
    containers::into_tokio,
    error::EngineError,
    id::{ContainerId, ExecId},
    op::{Attachment, ExecSpec, ExecStart},
    snapshot::ExecSnapshot,
};
use container::{
    client::{ShimClient, decode},
    protocol::{ConsoleSize, Request, Response},
};
use std::{path::PathBuf, sync::Arc, time::Duration};
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
