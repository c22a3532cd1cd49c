//! Stopping, killing, freezing and restarting.

use super::StartCause;
use crate::{
    Engine,
    error::EngineError,
    id::ContainerId,
    op::{StopOptions, WaitCondition, Waiter},
    records::Phase,
    spec::Signal,
};
use container::{
    cgroup::Cgroup,
    client::{ClientError, ShimClient},
    protocol::Request,
};
use std::{sync::Arc, time::Duration};

/// Seconds between the stop signal and SIGKILL, as Docker's.
const STOP_TIMEOUT: i64 = 10;

/// A bound on how long the kernel may take to end a killed process before the engine gives up waiting.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

impl Engine {
    /// Stops a container: its stop signal, then after a while SIGKILL. `NotModified` when it does not run.
    pub async fn stop(&self, reference: &str, options: StopOptions) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        let _operation = self.operation(&id).await?;
        self.stop_locked(&id, options).await?;
        self.container_event_of(&id, "stop", &[]);
        Ok(())
    }

    /// Stops a container whose operation lock is held.
    pub(crate) async fn stop_locked(
        &self,
        id: &ContainerId,
        options: StopOptions,
    ) -> Result<(), EngineError> {
        let (record, alive) = self.mark_stopped(id)?;
        if !alive {
            return Ok(());
        }
        let signal = options.signal.or(record.process.stop_signal).unwrap_or(Signal::TERM);
        let timeout = options.timeout.or(record.spec.stop_timeout).unwrap_or(STOP_TIMEOUT);
        self.thaw(id)?;
        let waiter = self.waiter(id, WaitCondition::NotRunning)?;
        self.signal(id, signal)?;
        let ended = match u64::try_from(timeout) {
            Ok(seconds) => tokio::time::timeout(Duration::from_secs(seconds), waiter.exit()).await.is_ok(),
            Err(_) => waiter.exit().await.is_some(),
        };
        if !ended {
            self.kill_and_wait(id).await?;
        }
        Ok(())
    }

    /// Remembers that a user wants it stopped, and cancels a planned restart. Tells whether there is a process.
    fn mark_stopped(
        &self,
        id: &ContainerId,
    ) -> Result<(Arc<crate::records::ContainerRecord>, bool), EngineError> {
        let (record, phase, timer) = {
            let mut state = self.state();
            let container = state.container_mut(id)?;
            (Arc::clone(&container.record), container.state.phase.clone(), container.live.restart.take())
        };
        if let Some(timer) = timer {
            timer.abort();
        }
        match phase {
            Phase::Running(_) | Phase::Starting(_) => {
                self.update_state(id, |state| state.stopped_by_hand = true)?;
                Ok((record, true))
            }
            Phase::Restarting => {
                self.update_state(id, |state| {
                    state.phase = Phase::Exited;
                    state.stopped_by_hand = true;
                })?;
                Ok((record, false))
            }
            Phase::Created | Phase::Exited => {
                let (container, status) =
                    self.look(id, |known| (known.record.name.clone(), known.status()))?;
                Err(EngineError::AlreadySo { container, status })
            }
        }
    }

    /// Kills every process of a container and waits for its end to be recorded.
    ///
    /// While a start has not made a process yet there is nothing to kill: whoever holds the operation lock afterwards
    /// sees what became of it.
    pub(crate) async fn kill_and_wait(&self, id: &ContainerId) -> Result<(), EngineError> {
        let Ok(waiter) = self.waiter(id, WaitCondition::NotRunning) else { return Ok(()) };
        let has_process = |phase: &Phase| match phase {
            Phase::Starting(run) => run.process.is_some(),
            Phase::Running(_) => true,
            Phase::Created | Phase::Exited | Phase::Restarting => false,
        };
        if !self.look(id, |container| has_process(&container.state.phase))? {
            return Ok(());
        }
        self.kill_processes(id)?;
        let ended = tokio::time::timeout(KILL_TIMEOUT, waiter.exit()).await;
        ended
            .map(drop)
            .map_err(|_| EngineError::Conflict(format!("container {id} does not end although it was killed")))
    }

    /// SIGKILL to the first process through the shim, or to the whole control group when the shim does not answer.
    fn kill_processes(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.thaw(id)?;
        if self.signal(id, Signal::KILL).is_ok() {
            return Ok(());
        }
        let record = self.look(id, |container| Arc::clone(&container.record))?;
        Ok(Cgroup::existing(&Self::cgroup_path(&record)).kill_all()?)
    }

    /// Sends a signal to the container's first process.
    pub(crate) fn signal(&self, id: &ContainerId, signal: Signal) -> Result<(), EngineError> {
        let name = self.look(id, |container| container.record.name.clone())?;
        let request = Request::Signal { signal: signal.number(), all: false };
        let sent = ShimClient::connect(&self.container_run(id)).and_then(|mut shim| shim.request(&request));
        match sent {
            Ok(_) => Ok(()),
            Err(source @ ClientError::Gone { .. }) if self.look(id, |c| c.state.phase.run().is_none())? => {
                tracing::debug!(error = %source, container = name, "it ended before the signal");
                Ok(())
            }
            Err(source) => Err(EngineError::Shim { container: name, source }),
        }
    }

    /// Sends a signal; SIGKILL, SIGTERM and the stop signal count as stopping by hand.
    pub async fn kill(&self, reference: &str, signal: Signal) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        let record = {
            let state = self.state();
            let container = state.container(&id)?;
            if !container.state.phase.is_running() {
                return Err(container.wrong_state("cannot kill a container that is not running"));
            }
            Arc::clone(&container.record)
        };
        let stops = [Signal::KILL, Signal::TERM, record.process.stop_signal.unwrap_or(Signal::TERM)];
        if stops.contains(&signal) {
            self.update_state(&id, |state| state.stopped_by_hand = true)?;
        }
        if signal == Signal::KILL {
            let _ = self.thaw(&id);
        }
        let waiter = self.waiter(&id, WaitCondition::NotRunning)?;
        let target = id.clone();
        self.blocking(move |engine| engine.signal(&target, signal)).await?;
        if signal == Signal::KILL {
            let _ = tokio::time::timeout(KILL_TIMEOUT, waiter.exit()).await;
        }
        self.container_event(&record, "kill", &[("signal", signal.number().to_string())]);
        Ok(())
    }

    /// Stops a container if it runs, and starts it.
    pub async fn restart(&self, reference: &str, options: StopOptions) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        let _operation = self.operation(&id).await?;
        match self.stop_locked(&id, options).await {
            Ok(()) | Err(EngineError::AlreadySo { .. }) => {}
            Err(error) => return Err(error),
        }
        self.start_locked(&id, StartCause::Asked).await?;
        self.container_event_of(&id, "restart", &[]);
        Ok(())
    }

    /// Freezes every process of a container.
    pub async fn pause(&self, reference: &str) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        let _operation = self.operation(&id).await?;
        let target = id.clone();
        self.blocking(move |engine| engine.freeze(&target)).await?;
        self.container_event_of(&id, "pause", &[]);
        Ok(())
    }

    fn freeze(&self, id: &ContainerId) -> Result<(), EngineError> {
        let record = {
            let state = self.state();
            let container = state.container(id)?;
            if !container.state.phase.is_running() || container.live.paused {
                return Err(container.wrong_state("only a running container can be paused"));
            }
            Arc::clone(&container.record)
        };
        Cgroup::existing(&Self::cgroup_path(&record)).freeze()?;
        self.state().container_mut(id)?.live.paused = true;
        Ok(())
    }

    /// Lets a frozen container go on.
    pub async fn unpause(&self, reference: &str) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        let _operation = self.operation(&id).await?;
        {
            let state = self.state();
            let container = state.container(&id)?;
            if !container.live.paused {
                return Err(container.wrong_state("it is not paused"));
            }
        }
        self.thaw(&id)?;
        self.container_event_of(&id, "unpause", &[]);
        Ok(())
    }

    /// Thaws a container if it is frozen.
    fn thaw(&self, id: &ContainerId) -> Result<(), EngineError> {
        let (paused, record) =
            self.look(id, |container| (container.live.paused, Arc::clone(&container.record)))?;
        if paused {
            Cgroup::existing(&Self::cgroup_path(&record)).thaw()?;
            self.state().container_mut(id)?.live.paused = false;
        }
        Ok(())
    }

    /// Registers a wait.
    pub(crate) fn waiter(&self, id: &ContainerId, condition: WaitCondition) -> Result<Waiter, EngineError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut state = self.state();
        let container = state.container_mut(id)?;
        let runs = container.state.phase.run().is_some();
        match condition {
            WaitCondition::NotRunning if !runs => {
                let _ = sender.send(crate::op::Exit { code: container.state.exit_code, error: None });
            }
            _ => container.live.waiters.push((condition, sender)),
        }
        Ok(Waiter { receiver })
    }

    /// Registers a wait for a container's end or removal.
    pub async fn wait(&self, reference: &str, condition: WaitCondition) -> Result<Waiter, EngineError> {
        let id = self.state().find(reference)?;
        self.waiter(&id, condition)
    }
}
