//! Removing a container and everything that is its own.

use crate::{
    Engine,
    error::EngineError,
    id::ContainerId,
    op::{Exit, PruneFilter, Removal, RemoveOptions, WaitCondition},
    records::{ContainerRecord, Entry},
};
use std::{fs, path::Path, sync::Arc};

impl Engine {
    /// Removes a container that does not run, or with `force` any.
    pub async fn remove(&self, reference: &str, options: RemoveOptions) -> Result<(), EngineError> {
        let id = self.state().find(reference)?;
        self.begin_removal(&id, options.force)?;
        let removed = self.finish_removal(&id, options).await;
        if removed.is_err()
            && let Ok(container) = self.state().container_mut(&id)
        {
            container.live.removing = false;
        }
        removed
    }

    /// Marks the container, so that nothing starts it any more.
    fn begin_removal(&self, id: &ContainerId, force: bool) -> Result<(), EngineError> {
        let mut state = self.state();
        let container = state.container_mut(id)?;
        if container.live.removing {
            return Err(EngineError::Conflict(format!(
                "removal of container {} is already in progress",
                container.record.name
            )));
        }
        if container.state.phase.run().is_some() && !force {
            return Err(container.wrong_state("stop it before you remove it, or remove it with force"));
        }
        container.live.removing = true;
        if let Some(timer) = container.live.restart.take() {
            timer.abort();
        }
        Ok(())
    }

    async fn finish_removal(&self, id: &ContainerId, options: RemoveOptions) -> Result<(), EngineError> {
        self.kill_and_wait(id).await?;
        let _operation = self.operation(id).await?;
        // A start that was under way when the removal began may have won.
        self.kill_and_wait(id).await?;
        let target = id.clone();
        let (record, code) =
            self.look(id, |container| (Arc::clone(&container.record), container.state.exit_code))?;
        let with_volumes = options.volumes;
        self.blocking(move |engine| engine.remove_blocking(&target, with_volumes)).await?;
        self.container_event(&record, "destroy", &[]);
        let gone = self.state().take_container(id);
        for (condition, waiter) in gone.into_iter().flat_map(|container| container.live.waiters) {
            let exit = Exit { code, error: None };
            if condition == WaitCondition::Removed {
                let _ = waiter.send(exit);
            } else {
                drop(waiter);
            }
        }
        Ok(())
    }

    /// Files first, then the record: an engine that dies in between finds the record and removes the rest.
    fn remove_blocking(&self, id: &ContainerId, with_volumes: bool) -> Result<(), EngineError> {
        let record = self.look(id, |container| Arc::clone(&container.record))?;
        self.remove_leftovers(id);
        remove_tree(&self.container_run(id))?;
        remove_tree(&self.container_dir(id))?;
        if with_volumes {
            self.remove_anonymous_volumes(&record);
        }
        self.write_removed(id)
    }

    fn write_removed(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.write(&Entry::ContainerRemoved { id: id.clone() })
    }

    /// Removes volumes that were made for this container alone and that no other mounts.
    pub(crate) fn remove_anonymous_volumes(&self, record: &ContainerRecord) {
        let users = self.volume_users();
        for mount in record.mounts.iter().filter(|mount| mount.anonymous) {
            let Some(name) = &mount.volume else { continue };
            let others = users.get(name).is_some_and(|list| list.iter().any(|(id, _)| *id != record.id));
            if !others && let Err(error) = self.delete_volume(name) {
                tracing::warn!(%error, volume = %name, "an anonymous volume stays");
            }
        }
    }

    /// Removes all containers that do not run.
    pub async fn prune_containers(&self, filter: &PruneFilter) -> Result<Removal, EngineError> {
        let stopped: Vec<ContainerId> = {
            let state = self.state();
            let candidates = state.containers.values().filter(|container| {
                container.state.phase.run().is_none()
                    && !matches!(container.state.phase, crate::records::Phase::Restarting)
                    && filter.takes(&container.record.process.labels, container.record.created)
            });
            candidates.map(|container| container.record.id.clone()).collect()
        };
        let mut removal = Removal::default();
        for id in stopped {
            let dir = self.container_dir(&id);
            let size = crate::disk::tree_size(&dir.join("upper"));
            match self.remove(id.as_str(), RemoveOptions { force: false, volumes: false }).await {
                Ok(()) => {
                    removal.removed.push(id.to_string());
                    removal.reclaimed += size;
                }
                Err(EngineError::NoSuchContainer(_) | EngineError::WrongState { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removal)
    }
}

/// Removes a directory and all below it; one that is not there is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
