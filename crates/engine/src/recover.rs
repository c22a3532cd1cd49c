//! Taking over from an earlier engine, and coming back after a reboot.
//!
//! For each container the records say what was intended and the runtime directory says what is: its shim answers (adopt
//! it), it has ended (record the exit), its shim was killed (end what is left), or there is nothing (the host was booted,
//! or a start was cut short). What belongs to no record is removed.

use crate::{
    Engine,
    containers::{Loss, lost},
    error::EngineError,
    id::ContainerId,
    networking::publication,
    records::{ContainerRecord, Entry, Phase, RunRecord},
    spec::RestartPolicy,
    state::LiveNetwork,
};
use container::{
    cgroup::Cgroup,
    client::{Found, ShimClient, find},
    protocol::State,
};
use network::DesiredState;
use std::{fs, path::Path, sync::Arc, time::Duration};

/// How long killed processes may take to go away.
const PATIENCE: Duration = Duration::from_secs(5);

impl Engine {
    /// Brings records and reality together. Failures of single containers are logged; they never keep the engine down.
    pub(crate) async fn recover(&self) {
        let swept = self.blocking(|engine| {
            engine.remove_half_made();
            engine.remove_strangers();
            engine.restore_network();
            Ok(())
        });
        if let Err(error) = swept.await {
            tracing::error!(%error, "the engine's state could not be put in order");
        }
        let containers: Vec<(Arc<ContainerRecord>, Phase)> = {
            let state = self.state();
            let known = state.containers.values();
            known.map(|container| (Arc::clone(&container.record), container.state.phase.clone())).collect()
        };
        for (record, phase) in containers {
            if let Err(error) = self.recover_container(&record, &phase).await {
                tracing::error!(
                    error = crate::chain(&error),
                    container = record.name,
                    "a container could not be taken over"
                );
            }
        }
    }

    async fn recover_container(
        &self,
        record: &Arc<ContainerRecord>,
        phase: &Phase,
    ) -> Result<(), EngineError> {
        match phase {
            Phase::Starting(run) | Phase::Running(run) => self.take_over(record, run).await,
            Phase::Restarting => {
                self.end_remains(record).await?;
                self.start_later(&record.id, Duration::ZERO);
                Ok(())
            }
            Phase::Created | Phase::Exited => {
                self.end_remains(record).await?;
                // `always` starts again also what was stopped by hand, as Docker does when its daemon starts.
                if record.spec.restart == RestartPolicy::Always && matches!(phase, Phase::Exited) {
                    self.bring_back(&record.id)?;
                }
                Ok(())
            }
        }
    }

    /// Ends processes of a container that is not meant to have any.
    async fn end_remains(&self, record: &Arc<ContainerRecord>) -> Result<(), EngineError> {
        let record = Arc::clone(record);
        self.blocking(move |engine| {
            let cgroup = Cgroup::existing(&Self::cgroup_path(&record));
            if !cgroup.procs().unwrap_or_default().is_empty() {
                tracing::warn!(
                    container = record.name,
                    "processes without a shim were left of it, and are ended"
                );
                engine.end_run_dir(&engine.container_run(&record.id));
                engine.remove_cgroup_of(&record);
            }
            Ok(())
        })
        .await
    }

    /// Finds out what became of a container that ran.
    async fn take_over(&self, record: &Arc<ContainerRecord>, run: &RunRecord) -> Result<(), EngineError> {
        let target = record.id.clone();
        let found = self.blocking(move |engine| {
            find(&engine.container_run(&target))
                .map_err(|source| EngineError::Shim { container: target.to_string(), source })
        });
        match found.await? {
            Found::Shim(shim) => self.adopt(record, run, shim).await,
            Found::Ended(exit) => {
                self.exited(&record.id, exit).await;
                Ok(())
            }
            left @ (Found::Orphaned(_) | Found::Nothing) => {
                let loss = if matches!(left, Found::Nothing) { Loss::Everything } else { Loss::Shim };
                let target = record.id.clone();
                self.blocking(move |engine| {
                    engine.remove_leftovers(&target);
                    Ok(())
                })
                .await?;
                self.exited(&record.id, lost(loss)).await;
                Ok(())
            }
        }
    }

    /// Goes on with a container whose shim lives: watches it, serves its names, holds its ports.
    async fn adopt(
        &self,
        record: &Arc<ContainerRecord>,
        run: &RunRecord,
        mut shim: ShimClient,
    ) -> Result<(), EngineError> {
        let name = record.name.clone();
        let asked = self.blocking(move |_| {
            let state = shim.request(&container::protocol::Request::State);
            Ok((state, shim))
        });
        let (answer, shim) = asked.await?;
        let state = match answer {
            Ok(
                container::protocol::Response::Created(state) | container::protocol::Response::Started(state),
            ) => state,
            Ok(_) => return Err(EngineError::Conflict(format!("the shim of {name} gives no state"))),
            Err(source) => return Err(EngineError::Shim { container: name, source }),
        };
        if state.started_at.is_none() {
            // Its start was cut short between creation and start: nobody saw anything of it yet.
            self.kill_started_half(record, &state).await?;
            self.exited(&record.id, lost(Loss::Start)).await;
            return self.bring_back(&record.id);
        }
        let (shared, held, pid) = (Arc::clone(record), run.clone(), state.process.pid);
        let runtime = tokio::runtime::Handle::current();
        let net = self.blocking(move |engine| {
            let _inside = runtime.enter();
            engine.retake_addresses(&shared.name, &held);
            engine.adopt_network(&shared, &held, u32::try_from(pid).unwrap_or_default())
        });
        let net = net.await.unwrap_or_else(|error| {
            tracing::warn!(
                error = crate::chain(&error),
                container = record.name,
                "its network is not served"
            );
            LiveNetwork::default()
        });
        let run = RunRecord { process: Some(state.process), ..run.clone() };
        self.update_state(&record.id, |recorded| {
            recorded.phase = Phase::Running(run);
            recorded.started_at = state.started_at.or(recorded.started_at);
        })?;
        if let Ok(container) = self.state().container_mut(&record.id) {
            container.live.net = Some(net);
            container.live.paused = Cgroup::existing(&Self::cgroup_path(record)).frozen().unwrap_or_default();
        }
        self.watch_exit(record.id.clone(), shim);
        self.start_health_checks(&record.id);
        Ok(())
    }

    async fn kill_started_half(
        &self,
        record: &Arc<ContainerRecord>,
        state: &State,
    ) -> Result<(), EngineError> {
        let (target, state) = (record.id.clone(), state.clone());
        self.blocking(move |engine| {
            if let Err(error) = container::client::destroy(&state, PATIENCE) {
                tracing::warn!(%error, "a half-started container could not be ended");
            }
            engine.remove_leftovers(&target);
            Ok(())
        })
        .await
    }

    /// Starts a container that is to run, in a task of its own.
    fn bring_back(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.update_state(id, |state| {
            state.phase = Phase::Restarting;
            state.stopped_by_hand = false;
        })?;
        self.start_later(id, Duration::ZERO);
        Ok(())
    }

    /// Containers whose creation was cut short.
    fn remove_half_made(&self) {
        let half: Vec<Arc<ContainerRecord>> = {
            let state = self.state();
            state
                .containers
                .values()
                .map(|container| Arc::clone(&container.record))
                .filter(|record| record.half_made)
                .collect()
        };
        for record in half {
            let _ = fs::remove_dir_all(self.container_dir(&record.id));
            self.remove_anonymous_volumes(&record);
            if let Err(error) = self.commit(Entry::ContainerRemoved { id: record.id.clone() }) {
                tracing::warn!(%error, "a half-made container stays recorded");
            }
        }
    }

    /// Directories and volumes that no record names.
    fn remove_strangers(&self) {
        let config = &self.inner.config;
        for run_dir in strangers(&config.run.join("containers"), |name| self.knows_container(name)) {
            self.end_run_dir(&run_dir);
        }
        for dir in strangers(&config.root.join("containers"), |name| self.knows_container(name)) {
            let _ = fs::remove_dir_all(dir);
        }
        let known_volume = |name: &str| self.state().volumes.contains_key(name);
        for dir in strangers(&config.root.join("volumes"), known_volume) {
            let _ = fs::remove_dir_all(dir);
        }
    }

    /// Ends whatever runs by a runtime directory of no record, with its shim or without, and removes the directory.
    pub(crate) fn end_run_dir(&self, run_dir: &Path) {
        if let Ok(Found::Shim(mut shim)) = find(run_dir) {
            let kill = container::protocol::Request::Signal { signal: 9, all: true };
            if shim.request(&kill).is_ok() {
                let _ = shim.wait();
            }
        }
        if let Ok(Found::Orphaned(state)) = find(run_dir) {
            let _ = container::client::destroy(&state, PATIENCE);
        }
        // A shim that was killed before it wrote anything down left its processes in this control group at most.
        if let Some(id) =
            run_dir.file_name().and_then(|name| ContainerId::try_from(name.to_str()?.to_owned()).ok())
        {
            Self::empty_cgroup(&Cgroup::existing(&Self::default_cgroup(&id)), id.as_str());
        }
        let _ = fs::remove_dir_all(run_dir);
    }

    fn knows_container(&self, name: &str) -> bool {
        self.state().containers.contains_key(name)
    }

    /// Puts bridges and rules of all networks and running containers in place.
    fn restore_network(&self) {
        let desired = {
            let state = self.state();
            let running = state.containers.values().filter_map(|container| {
                let run = container.state.phase.run().filter(|run| !run.ports.is_empty())?;
                Some(publication(&container.record, run))
            });
            DesiredState {
                networks: state.networks.values().map(|record| record.spec.clone()).collect(),
                publications: running.collect(),
            }
        };
        match self.inner.fabric.reconcile(&desired) {
            Ok(done) => tracing::debug!(?done, "the network is in place"),
            Err(error) => {
                tracing::error!(error = crate::chain(&error), "the network could not be put in place")
            }
        }
    }
}

/// Entries of a directory that `known` does not know.
fn strangers(dir: &Path, known: impl Fn(&str) -> bool) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| !entry.file_name().to_str().is_some_and(&known))
        .map(|entry| entry.path())
        .collect()
}
