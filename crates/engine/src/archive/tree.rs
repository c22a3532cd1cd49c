//! A container's file system, whether it runs or not.

use crate::{
    Engine,
    error::EngineError,
    id::ContainerId,
    oci::mounts::{self, ReadySource},
    records::ContainerRecord,
};
use beneath::Root;
use container::{
    runtime::PrepareRoot,
    visit::{self, Scope, StoppedTree, Visit, VisitError},
};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::OwnedMutexGuard;

/// A container's file system, as long as it is needed.
pub(super) struct Tree {
    visit: Visit,
    /// Keeps a container that does not run from being started or removed.
    _operation: Option<OwnedMutexGuard<()>>,
}

impl Tree {
    pub(super) fn root(&self) -> &Root {
        self.visit.root()
    }
}

impl Engine {
    /// Opens a container's file system.
    pub(super) async fn tree(&self, id: &ContainerId, scope: Scope) -> Result<Tree, EngineError> {
        if let Some(visit) = self.running_tree(id, scope).await? {
            return Ok(Tree { visit, _operation: None });
        }
        let operation = self.operation(id).await?;
        // It may have been started while another operation was waited for.
        if let Some(visit) = self.running_tree(id, scope).await? {
            return Ok(Tree { visit, _operation: None });
        }
        let record = self.look(id, |container| Arc::clone(&container.record))?;
        let visit = self.blocking(move |engine| {
            let tree = engine.stopped_tree(&record, scope)?;
            visit::stopped(&tree).map_err(|error| files(&record.name, error))
        });
        Ok(Tree { visit: visit.await?, _operation: Some(operation) })
    }

    /// None when the container does not run.
    async fn running_tree(&self, id: &ContainerId, scope: Scope) -> Result<Option<Visit>, EngineError> {
        let (process, name) = self.look(id, |container| {
            let phase = &container.state.phase;
            let run = phase.run().filter(|_| phase.is_running());
            (run.and_then(|run| run.process), container.record.name.clone())
        })?;
        let Some(process) = process else { return Ok(None) };
        self.blocking(move |_| match visit::running(process, scope) {
            Ok(visit) => Ok(Some(visit)),
            Err(VisitError::Ended(_)) => Ok(None),
            Err(error) => Err(files(&name, error)),
        })
        .await
    }

    fn stopped_tree(&self, record: &ContainerRecord, scope: Scope) -> Result<StoppedTree, EngineError> {
        let dir = self.container_dir(&record.id);
        let mut mounts = match scope {
            Scope::Everything => self.ready_mounts(record)?,
            Scope::RootAlone => Vec::new(),
        };
        // What was in memory is gone.
        mounts.retain(|mount| matches!(mount.source, ReadySource::Path { .. }));
        Ok(StoppedTree {
            layers: PrepareRoot {
                lower: self.lower_dirs(record)?,
                upper: Some((dir.join("upper"), dir.join("work"))),
                options: Vec::new(),
                volatile: false,
            },
            mounts: mounts::own(&mounts),
            read_only: record.spec.security.read_only_rootfs,
            mount_point: self.inner.config.root.join("containers"),
        })
    }

    /// The layers of a container's image, top first.
    pub(super) fn lower_dirs(&self, record: &ContainerRecord) -> Result<Vec<PathBuf>, EngineError> {
        let image = self
            .store()
            .resolve(&record.image_id)
            .map_err(|error| Self::image_error(&record.spec.image, error))?;
        Ok(self.store().lower_dirs(&image))
    }
}

fn files(container: &str, source: VisitError) -> EngineError {
    EngineError::Files { container: container.to_owned(), source: Box::new(source) }
}
