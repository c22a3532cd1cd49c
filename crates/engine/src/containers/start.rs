//! Starting a container: network, shim, process.

use super::run::{Failed, Run};
use crate::{
    Engine,
    error::{EngineError, StartFailure, Starting},
    id::ContainerId,
    op::Exit,
    records::{ContainerRecord, Phase, RunRecord, StateRecord},
    state::Live,
};
use std::sync::Arc;
use time::OffsetDateTime;

/// Why a container is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartCause {
    /// A user or a project wants it.
    Asked,
    /// Its restart policy wants it, or the host has booted.
    Policy,
}

impl Engine {
    /// Starts a container. `NotModified` when it runs already.
    pub async fn start(&self, reference: &str) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        let _operation = self.operation(&id).await?;
        self.start_locked(&id, StartCause::Asked).await
    }

    /// Waits until no other operation works on a container, and keeps others out.
    pub(crate) async fn operation(
        &self,
        id: &ContainerId,
    ) -> Result<tokio::sync::OwnedMutexGuard<()>, EngineError> {
        let operation = self.look(id, |container| Arc::clone(&container.operation))?;
        let guard = operation.lock_owned().await;
        self.look(id, |_| ())?;
        Ok(guard)
    }

    /// Starts a container whose operation lock is held.
    pub(crate) async fn start_locked(&self, id: &ContainerId, cause: StartCause) -> Result<(), EngineError> {
        self.begin_start(id, cause)?;
        let (target, runtime) = (id.clone(), tokio::runtime::Handle::current());
        let started = self.blocking(move |engine| Ok(Run::start(engine, &target, &runtime))).await?;
        match started {
            Ok(run) => self.started(id, run).await,
            Err(failed) => Err(self.start_failed(id, failed)),
        }
    }

    /// Checks the state and writes down that a start begins.
    fn begin_start(&self, id: &ContainerId, cause: StartCause) -> Result<(), EngineError> {
        {
            let mut state = self.state();
            let container = state.container_mut(id)?;
            match &container.state.phase {
                Phase::Running(_) | Phase::Starting(_) if container.live.paused => {
                    return Err(container.wrong_state("cannot start a paused container, try unpause instead"));
                }
                Phase::Running(_) => {
                    let container_name = container.record.name.clone();
                    return Err(EngineError::AlreadySo {
                        container: container_name,
                        status: container.status(),
                    });
                }
                _ if container.live.removing => {
                    return Err(container.wrong_state("it is marked for removal and cannot be started"));
                }
                _ => {}
            }
            if let Some(timer) = container.live.restart.take() {
                timer.abort();
            }
            if cause == StartCause::Asked {
                container.live.failures = 0;
            }
        }
        self.update_state(id, |state| {
            state.phase = Phase::Starting(RunRecord::default());
            state.stopped_by_hand = false;
            if cause == StartCause::Asked {
                state.restart_count = 0;
            }
        })
    }

    /// Records the process that now runs, connects who waits for it, and watches it.
    async fn started(&self, id: &ContainerId, run: Run) -> Result<(), EngineError> {
        let Run { record, net, started_at, warnings, control } = run;
        let container = {
            let mut state = self.state();
            let container = state.container_mut(id)?;
            container.live.net = Some(net);
            container.live.paused = false;
            Arc::clone(&container.record)
        };
        self.update_state(id, |state| {
            state.phase = Phase::Running(record);
            state.started_at = Some(started_at);
            state.finished_at = None;
            state.error.clear();
            state.oom_killed = false;
            state.exit_code = 0;
        })?;
        for warning in warnings {
            tracing::warn!(container = container.name, "{warning}");
        }
        self.watch_exit(id.clone(), control);
        self.container_event(&container, "start", &[]);
        self.start_health_checks(id);
        Ok(())
    }

    /// Records why there is no process; whoever waits is told.
    fn start_failed(&self, id: &ContainerId, failed: Failed) -> EngineError {
        let Failed { error, exit_code } = failed;
        let message = crate::chain(&error);
        let recorded = self.update_state(id, |state: &mut StateRecord| {
            state.phase = if state.started_at.is_some() { Phase::Exited } else { Phase::Created };
            state.exit_code = exit_code;
            state.error.clone_from(&message);
            state.finished_at = Some(OffsetDateTime::now_utc());
        });
        if let Err(error) = recorded {
            tracing::warn!(%error, "a failed start could not be recorded");
        }
        if let Ok(container) = self.state().container_mut(id) {
            container.live.attachments.clear();
            for (_, waiter) in container
                .live
                .waiters
                .extract_if(.., |(condition, _)| *condition != crate::op::WaitCondition::Removed)
            {
                let _ = waiter.send(Exit { code: exit_code, error: Some(message.clone()) });
            }
        }
        if self.look(id, |container| container.record.spec.auto_remove).unwrap_or_default() {
            self.remove_after_exit(id);
        }
        error
    }
}

impl Live {
    /// Connections that were asked for before there was a process.
    pub(super) fn take_attachments(
        &mut self,
    ) -> Vec<(crate::op::AttachOptions, tokio::sync::oneshot::Sender<tokio::net::UnixStream>)> {
        std::mem::take(&mut self.attachments)
    }
}

/// The runtime's failure, with the container's name.
pub(super) fn start_failure(record: &ContainerRecord, failure: container::protocol::Failure) -> Failed {
    let exit_code = i64::from(failure.kind.exit_code());
    let error = StartFailure {
        starting: Starting::Container,
        container: record.name.clone(),
        kind: failure.kind,
        message: failure.message,
    };
    Failed { error: EngineError::Start(error), exit_code }
}
