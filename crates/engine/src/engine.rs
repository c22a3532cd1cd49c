//! The engine's handle, its parts and its start.

use crate::{
    error::EngineError,
    events::Hub,
    id::{ContainerId, NetworkId},
    journal::{Journal, JournalError},
    records::{Entry, StateRecord},
    state::{Container, State},
};
use image::Store;
use network::{
    Fabric, FabricConfig, FirewallChoice, Instance,
    dns::{Dns, Names},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Where the engine keeps what, and which program its shims are.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// State: images, layers, volumes, records. On a disk file system that overlayfs takes as an upper layer.
    pub root: PathBuf,
    /// Sockets and files of this boot.
    pub run: PathBuf,
    /// The berth program, started as `berth shim`.
    pub program: PathBuf,
}

impl EngineConfig {
    /// The root of an engine that was not told another.
    pub const DEFAULT_ROOT: &'static str = "/var/lib/berth";
    /// The runtime directory of an engine that was not told another.
    pub const DEFAULT_RUN: &'static str = "/run/berth";
}

/// Why an engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not root.
    #[error("the engine needs root: run it with sudo, or as the systemd unit does")]
    NotRoot,
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The image store cannot be used.
    #[error("the image store")]
    Store(#[from] image::OpenError),
    /// The network cannot be used.
    #[error("the network")]
    Network(#[from] network::OpenFabricError),
    /// A directory cannot be made.
    #[error("cannot make the directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}

/// A handle to the engine; cheap to clone. Each method is one action.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

/// The engine's parts.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: EngineConfig,
    pub(crate) store: Store,
    pub(crate) fabric: Fabric,
    pub(crate) names: Names,
    pub(crate) dns: Dns,
    pub(crate) journal: Journal,
    pub(crate) events: Hub,
    pub(crate) host: crate::host::Host,
    pub(crate) stop: Notify,
    pub(crate) locks: crate::project::Locks,
    watch: Mutex<Option<network::RuleWatch>>,
    state: Mutex<State>,
}

impl Engine {
    /// Opens the engine of a root, takes over what an earlier one left running, and starts what is to run after a reboot.
    ///
    /// Must be called inside a tokio runtime with more than one thread.
    pub async fn open(config: EngineConfig) -> Result<Self, OpenError> {
        if !rustix::process::geteuid().is_root() {
            return Err(OpenError::NotRoot);
        }
        let opening = tokio::task::spawn_blocking(move || Inner::open(config)).await;
        let inner = match opening {
            Ok(opened) => Arc::new(opened?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let engine = Self { inner };
        engine.recover().await;
        engine.resume_projects();
        engine.watch_rules();
        tokio::task::spawn_blocking(|| {
            for warning in crate::doctor::warnings() {
                tracing::warn!("{warning}");
            }
            for obstacle in network::doctor::obstacles() {
                tracing::warn!("{}", obstacle.detail);
            }
        });
        Ok(engine)
    }

    /// The image store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Asks the engine to stop; containers go on.
    pub fn request_stop(&self) {
        self.inner.stop.notify_one();
    }

    /// Waits until [`Engine::request_stop`] is called.
    pub async fn stop_requested(&self) {
        self.inner.stop.notified().await;
    }

    /// Runs work that blocks, on a thread of its own.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let engine = self.clone();
        match tokio::task::spawn_blocking(move || work(&engine)).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(EngineError::Stopping),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a change down and applies it.
    pub(crate) fn commit(&self, entry: Entry) -> Result<(), EngineError> {
        let mut state = self.state();
        self.commit_locked(&mut state, entry)
    }

    /// As [`Engine::commit`], with the state held already.
    pub(crate) fn commit_locked(&self, state: &mut State, entry: Entry) -> Result<(), EngineError> {
        self.write(&entry)?;
        state.apply(entry);
        if self.inner.journal.wants_compaction() {
            let compacted = self.inner.journal.compact(|| state.entries());
            if let Err(error) = compacted {
                tracing::warn!(%error, "the journal cannot be written anew; it goes on growing");
            }
        }
        Ok(())
    }

    /// Writes a change down without applying it.
    pub(crate) fn write(&self, entry: &Entry) -> Result<(), EngineError> {
        self.inner.journal.append(entry).map_err(|error| match error {
            JournalError::Io { action, path, source } => EngineError::Io { action, path, source },
            other => EngineError::store(other),
        })
    }

    /// Changes what a container does, and writes it down.
    pub(crate) fn update_state<T>(
        &self,
        id: &ContainerId,
        change: impl FnOnce(&mut StateRecord) -> T,
    ) -> Result<T, EngineError> {
        let mut state = self.state();
        let container = state.container_mut(id)?;
        let mut changed = container.state.clone();
        let result = change(&mut changed);
        self.commit_locked(&mut state, Entry::State { id: id.clone(), state: Box::new(changed) })?;
        Ok(result)
    }

    /// Looks at a container.
    pub(crate) fn look<T>(
        &self,
        id: &ContainerId,
        look: impl FnOnce(&Container) -> T,
    ) -> Result<T, EngineError> {
        self.state().container(id).map(look)
    }

    /// The container's own directory below the root.
    pub(crate) fn container_dir(&self, id: &ContainerId) -> PathBuf {
        self.inner.config.root.join("containers").join(id.as_str())
    }

    /// The container's directory of this boot.
    pub(crate) fn container_run(&self, id: &ContainerId) -> PathBuf {
        self.inner.config.run.join("containers").join(id.as_str())
    }

    /// The network crate's identifier of a network.
    pub(crate) fn fabric_id(id: &NetworkId) -> Result<network::NetworkId, EngineError> {
        id.as_str().parse().map_err(EngineError::network("read a network's identifier"))
    }

    fn watch_rules(&self) {
        let engine = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let watched = self.inner.fabric.watch(move || {
            let engine = engine.clone();
            runtime.spawn_blocking(move || match engine.inner.fabric.repair() {
                Ok(repaired) => {
                    tracing::info!(?repaired, "firewall rules were changed by another program and put back")
                }
                Err(error) => tracing::warn!(%error, "firewall rules were changed and cannot be put back"),
            });
        });
        match watched {
            Ok(watch) => *self.inner.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch),
            Err(error) => tracing::warn!(%error, "changes of the firewall will not be noticed"),
        }
    }
}

impl Inner {
    fn open(config: EngineConfig) -> Result<Self, OpenError> {
        let (journal, entries) = Journal::open(&config.root)?;
        for dir in
            [config.root.join("containers"), config.root.join("volumes"), config.run.join("containers")]
        {
            make_private_dir(&dir)?;
        }
        let mut state = State::default();
        for entry in entries {
            state.apply(entry);
        }
        let instance = match config.root == Path::new(EngineConfig::DEFAULT_ROOT) {
            true => Instance::primary(),
            false => Instance::for_root(&config.root),
        };
        let fabric = Fabric::open(FabricConfig {
            run_dir: config.run.clone(),
            instance,
            firewall: FirewallChoice::Auto,
        })?;
        let names = Names::default();
        Ok(Self {
            store: Store::open(&config.root)?,
            fabric,
            dns: Dns::new(names.clone()),
            names,
            journal,
            events: Hub::default(),
            host: crate::host::Host::probe(),
            stop: Notify::new(),
            locks: crate::project::Locks::default(),
            watch: Mutex::new(None),
            state: Mutex::new(state),
            config,
        })
    }
}

fn make_private_dir(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o711).create(path);
    made.map_err(|source| OpenError::Directory { path: path.to_owned(), source })
}
