//! The end of a run: noticed, recorded, cleaned up after.

use crate::{
    Engine,
    error::EngineError,
    id::ContainerId,
    op::{Exit, WaitCondition},
    records::{ContainerRecord, Phase},
    spec::RestartPolicy,
    state::State,
};
use container::{
    cgroup::Cgroup,
    client::{ShimClient, decode, read_exit},
    protocol::{ExitRecord, Failure, FailureKind, Response},
};
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::UnixStream,
};

/// Why nobody saw a container's end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// Its shim was killed, and what was left of it has been ended.
    Shim,
    /// Shim and runtime directory are gone.
    Everything,
    /// Its engine ended between creation and start.
    Start,
}

/// The end of a container that nobody saw: as if it was killed.
pub(crate) fn lost(loss: Loss) -> ExitRecord {
    let message = match loss {
        Loss::Shim => "the shim that stood by the container was killed, so the container was ended too",
        Loss::Everything => {
            "the container's end was not seen: the host was booted, or its runtime directory cleared"
        }
        Loss::Start => "the engine ended while the container was being started",
    };
    ExitRecord {
        exit_code: 137,
        signal: Some(9),
        oom_killed: false,
        started_at: None,
        finished_at: OffsetDateTime::now_utc(),
        warnings: Vec::new(),
        failure: Some(Failure::message(FailureKind::Other, message)),
    }
}

/// How long a container must run for its earlier failures to be forgotten.
const STEADY: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

impl Engine {
    /// Waits in a task of its own for a container's end, over the connection that controls its shim.
    pub(crate) fn watch_exit(&self, id: ContainerId, control: ShimClient) {
        let engine = self.clone();
        tokio::spawn(async move {
            let record = match wait_for_exit(control).await {
                Some(record) => record,
                None => engine.lost_exit(&id).await,
            };
            engine.exited(&id, record).await;
        });
    }

    /// What is known of the end of a container whose shim is gone.
    async fn lost_exit(&self, id: &ContainerId) -> ExitRecord {
        let target = id.clone();
        let found = self.blocking(move |engine| {
            let exit = read_exit(&engine.container_run(&target)).ok().flatten();
            if exit.is_none() {
                engine.remove_leftovers(&target);
            }
            Ok(exit)
        });
        found.await.ok().flatten().unwrap_or_else(|| lost(Loss::Shim))
    }

    /// Kills what is left of a container without a shim, and removes its control group.
    pub(crate) fn remove_leftovers(&self, id: &ContainerId) {
        if let Ok(record) = self.look(id, |container| Arc::clone(&container.record)) {
            self.remove_cgroup_of(&record);
        }
    }

    /// As [`Engine::remove_leftovers`], for a container that need not be among the records.
    pub(crate) fn remove_cgroup_of(&self, record: &ContainerRecord) {
        Self::empty_cgroup(&Cgroup::existing(&Self::cgroup_path(record)), &record.name);
    }

    /// Kills whatever is in a control group, and removes it. One that is not there is success.
    pub(crate) fn empty_cgroup(cgroup: &Cgroup, container: &str) {
        for _ in 0..LEFTOVER_TRIES {
            let left = cgroup.procs().unwrap_or_default();
            if left.is_empty() {
                break;
            }
            let _ = cgroup.kill_all();
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Err(error) = cgroup.remove() {
            tracing::debug!(%error, container, "the control group stays");
        }
    }

    /// Records an end, tells whoever waits, and does what the restart policy says.
    pub(crate) async fn exited(&self, id: &ContainerId, exit: ExitRecord) {
        let Ok(record) = self.look(id, |container| Arc::clone(&container.record)) else { return };
        self.unplug_exited(&record).await;
        let code = i64::from(exit.exit_code);
        let updated = self.update_state(id, |state| {
            state.phase = Phase::Exited;
            state.exit_code = code;
            state.oom_killed = exit.oom_killed;
            state.finished_at = Some(exit.finished_at);
            if let Some(failure) = &exit.failure {
                state.error.clone_from(&failure.message);
            }
        });
        if let Err(error) = updated {
            tracing::error!(%error, container = record.name, "an exit could not be recorded");
        }
        self.forget_execs(id);
        if exit.oom_killed {
            self.container_event(&record, "oom", &[]);
        }
        self.container_event(&record, "die", &[("exitCode", code.to_string())]);
        let restarting = self.restart_or_not(&record, &exit);
        if let Ok(container) = self.state().container_mut(id) {
            container.live.paused = false;
            notify(container, code);
        }
        if !restarting && record.spec.auto_remove {
            self.remove_after_exit(id);
        }
    }

    /// Takes the container out of the network, off the threads that serve clients.
    async fn unplug_exited(&self, record: &Arc<ContainerRecord>) {
        let (net, health) = match self.state().container_mut(&record.id) {
            Ok(container) => (
                container.live.net.take(),
                container.live.health.as_mut().and_then(|health| health.task.take()),
            ),
            Err(_) => (None, None),
        };
        if let Some(task) = health {
            task.abort();
        }
        let shared = Arc::clone(record);
        let done = self.blocking(move |engine| {
            engine.unplug(&shared);
            drop(net);
            Ok(())
        });
        if let Err(error) = done.await {
            tracing::warn!(%error, container = record.name, "the container's network could not be taken back");
        }
    }

    /// Removes a container that was to go when it ends, in a task of its own.
    pub(crate) fn remove_after_exit(&self, id: &ContainerId) {
        let (engine, id) = (self.clone(), id.clone());
        tokio::spawn(async move {
            let options = crate::op::RemoveOptions { force: true, volumes: true };
            match engine.remove(id.as_str(), options).await {
                Ok(()) | Err(EngineError::NoSuchContainer(_)) => {}
                Err(error) => tracing::warn!(%error, %id, "a container could not be removed after its exit"),
            }
        });
    }

    /// Plans the next start, if the policy wants one.
    fn restart_or_not(&self, record: &Arc<ContainerRecord>, exit: &ExitRecord) -> bool {
        let delay = {
            let mut state = self.state();
            let Some(delay) = restart_delay(&mut state, record, exit) else { return false };
            delay
        };
        let recorded = self.update_state(&record.id, |state| {
            state.phase = Phase::Restarting;
            state.restart_count += 1;
        });
        if recorded.is_err() {
            return false;
        }
        self.start_later(&record.id, delay);
        true
    }

    /// Starts a container after a delay, unless somebody stops or starts it before.
    pub(crate) fn start_later(&self, id: &ContainerId, delay: Duration) {
        let (engine, target) = (self.clone(), id.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            engine.restart_by_policy(&target).await;
        });
        if let Ok(container) = self.state().container_mut(id) {
            container.live.restart = Some(task.abort_handle());
        }
    }

    async fn restart_by_policy(&self, id: &ContainerId) {
        let Ok(_operation) = self.operation(id).await else { return };
        let still = self.look(id, |container| {
            matches!(container.state.phase, Phase::Restarting) && !container.live.removing
        });
        if !still.unwrap_or_default() {
            return;
        }
        // From here on this task is the start itself and must not be cancelled by it.
        if let Ok(container) = self.state().container_mut(id) {
            container.live.restart = None;
        }
        if let Err(error) = self.start_locked(id, super::StartCause::Policy).await {
            tracing::warn!(error = crate::chain(&error), %id, "a container could not be started again");
            self.retry_start(id);
        }
    }

    /// A start by policy that failed is tried again like a container that failed.
    fn retry_start(&self, id: &ContainerId) {
        let Ok(record) = self.look(id, |container| Arc::clone(&container.record)) else { return };
        let failed = ExitRecord {
            exit_code: 128,
            signal: None,
            oom_killed: false,
            started_at: None,
            finished_at: OffsetDateTime::now_utc(),
            warnings: Vec::new(),
            failure: None,
        };
        self.restart_or_not(&record, &failed);
    }
}

const LEFTOVER_TRIES: usize = 200;

/// Waits for the shim to tell the end, which it does unasked; none when the shim is gone without a word.
///
/// Nothing is sent: the shim of a short life may have left already, with its last line still to be read.
async fn wait_for_exit(control: ShimClient) -> Option<ExitRecord> {
    // Kept until the shim has gone, to reap it.
    let (stream, _shim) = control.into_parts();
    stream.set_nonblocking(true).ok()?;
    let mut stream = BufReader::with_capacity(512, UnixStream::from_std(stream).ok()?);
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.ok()?;
    match decode(&line) {
        Ok(Response::Exited(record)) => Some(record),
        _ => None,
    }
}

/// Tells those who wait for an end.
fn notify(container: &mut crate::state::Container, code: i64) {
    let waiting =
        container.live.waiters.extract_if(.., |(condition, _)| *condition != WaitCondition::Removed);
    for (_, waiter) in waiting {
        let _ = waiter.send(Exit { code, error: None });
    }
}

/// How long to wait before the next start; none when there is to be none.
fn restart_delay(state: &mut State, record: &ContainerRecord, exit: &ExitRecord) -> Option<Duration> {
    let container = state.container_mut(&record.id).ok()?;
    if container.state.stopped_by_hand || container.live.removing {
        return None;
    }
    let ran = exit.started_at.or(container.state.started_at).map(|started| exit.finished_at - started);
    if ran.is_some_and(|ran| ran > STEADY) {
        container.live.failures = 0;
    }
    let wanted = match record.spec.restart {
        RestartPolicy::No => false,
        RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
        RestartPolicy::OnFailure { max } => {
            exit.exit_code != 0 && max.is_none_or(|max| container.state.restart_count < max)
        }
    };
    if !wanted {
        return None;
    }
    let doubled = FIRST_DELAY.saturating_mul(1 << container.live.failures.min(16));
    container.live.failures = container.live.failures.saturating_add(1);
    Some(record.spec.restart_delay.unwrap_or_else(|| doubled.min(LONGEST_DELAY)))
}
