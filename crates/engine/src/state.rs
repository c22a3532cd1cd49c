//! All records in memory, and what lives only as long as the engine does.

use crate::{
    error::EngineError,
    exec::Exec,
    health::Health,
    id::{ContainerId, ExecId, NetworkId},
    op::{AttachOptions, Exit, WaitCondition},
    records::{ContainerRecord, Entry, NetworkRecord, Phase, StateRecord, VolumeRecord},
    snapshot::Status,
    spec::VolumeName,
};
use network::{Netns, PortReservation, dns::DnsServer, plan::AddressPool};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};
use tokio::{net::UnixStream, sync::oneshot, task::AbortHandle};

/// Everything the engine knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) containers: BTreeMap<ContainerId, Container>,
    pub(crate) names: HashMap<String, ContainerId>,
    pub(crate) networks: BTreeMap<NetworkId, NetworkRecord>,
    pub(crate) pools: HashMap<NetworkId, AddressPool>,
    pub(crate) volumes: BTreeMap<VolumeName, VolumeRecord>,
    pub(crate) projects: BTreeMap<String, serde_json::Value>,
    pub(crate) execs: BTreeMap<ExecId, Exec>,
}

/// A container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) record: Arc<ContainerRecord>,
    pub(crate) state: StateRecord,
    pub(crate) live: Live,
    /// Held by the one operation that changes the container.
    pub(crate) operation: Arc<tokio::sync::Mutex<()>>,
}

/// What dies with the engine.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) paused: bool,
    pub(crate) removing: bool,
    pub(crate) net: Option<LiveNetwork>,
    pub(crate) health: Option<Health>,
    pub(crate) waiters: Vec<(WaitCondition, oneshot::Sender<Exit>)>,
    pub(crate) attachments: Vec<(AttachOptions, oneshot::Sender<UnixStream>)>,
    /// Starts it again after the restart policy's delay.
    pub(crate) restart: Option<AbortHandle>,
    /// Failures in a row, which lengthen the delay.
    pub(crate) failures: u32,
}

/// What a running container holds of the network.
#[derive(Debug, Default)]
pub(crate) struct LiveNetwork {
    /// Held for what it keeps alive: the namespace's sockets.
    pub(crate) _netns: Option<Netns>,
    pub(crate) dns: Option<DnsServer>,
    pub(crate) reservation: Option<PortReservation>,
}

impl Container {
    pub(crate) fn new(record: ContainerRecord) -> Self {
        Self {
            record: Arc::new(record),
            state: StateRecord::default(),
            live: Live::default(),
            operation: Arc::default(),
        }
    }

    /// What it does, in Docker's words.
    pub(crate) fn status(&self) -> Status {
        match &self.state.phase {
            _ if self.live.removing => Status::Removing,
            Phase::Created | Phase::Starting(_) => Status::Created,
            Phase::Running(_) if self.live.paused => Status::Paused,
            Phase::Running(_) => Status::Running,
            Phase::Restarting => Status::Restarting,
            Phase::Exited => Status::Exited,
        }
    }

    /// An error that says what it would have to do.
    pub(crate) fn wrong_state(&self, needed: &'static str) -> EngineError {
        EngineError::WrongState { container: self.record.name.clone(), status: self.status(), needed }
    }

    /// The process id on the host while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        let process = self.state.phase.run()?.process?;
        u32::try_from(process.pid).ok()
    }
}

impl State {
    /// Applies a journal entry.
    pub(crate) fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Container(record) => self.put_container(*record),
            Entry::State { id, state } => {
                if let Some(container) = self.containers.get_mut(&id) {
                    container.state = *state;
                }
            }
            Entry::ContainerRemoved { id } => drop(self.take_container(&id)),
            Entry::Network(record) => {
                self.pools.insert(record.id.clone(), AddressPool::new(&record.spec));
                self.networks.insert(record.id.clone(), *record);
            }
            Entry::NetworkRemoved { id } => {
                self.networks.remove(&id);
                self.pools.remove(&id);
            }
            Entry::Volume(record) => drop(self.volumes.insert(record.name.clone(), *record)),
            Entry::VolumeRemoved { name } => drop(self.volumes.remove(&name)),
            Entry::Project { name, intent } => drop(self.projects.insert(name, intent)),
            Entry::ProjectSettled { name } => drop(self.projects.remove(&name)),
        }
    }

    fn put_container(&mut self, record: ContainerRecord) {
        match self.containers.get_mut(&record.id) {
            Some(known) => {
                self.names.remove(&known.record.name);
                self.names.insert(record.name.clone(), record.id.clone());
                known.record = Arc::new(record);
            }
            None => {
                self.names.insert(record.name.clone(), record.id.clone());
                self.containers.insert(record.id.clone(), Container::new(record));
            }
        }
    }

    /// Forgets a container.
    pub(crate) fn take_container(&mut self, id: &ContainerId) -> Option<Container> {
        let container = self.containers.remove(id)?;
        self.names.remove(&container.record.name);
        self.execs.retain(|_, exec| exec.container != *id);
        Some(container)
    }

    /// The entries that make this state, for a compacted journal.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let networks = self.networks.values().map(|record| Entry::Network(Box::new(record.clone())));
        let volumes = self.volumes.values().map(|record| Entry::Volume(Box::new(record.clone())));
        let containers = self.containers.values().flat_map(|container| {
            let record = Entry::Container(Box::new((*container.record).clone()));
            let id = container.record.id.clone();
            [record, Entry::State { id, state: Box::new(container.state.clone()) }]
        });
        let projects = self
            .projects
            .iter()
            .map(|(name, intent)| Entry::Project { name: name.clone(), intent: intent.clone() });
        networks.chain(volumes).chain(containers).chain(projects).collect()
    }

    /// The container of an id, a name (with or without a slash) or a unique prefix of an id.
    pub(crate) fn find(&self, reference: &str) -> Result<ContainerId, EngineError> {
        let name = reference.strip_prefix('/').unwrap_or(reference);
        if let Some(id) = self.names.get(name) {
            return Ok(id.clone());
        }
        let missing = || EngineError::NoSuchContainer(reference.to_owned());
        let ids =
            self.containers.range::<str, _>((Bound::Included(name), Bound::Unbounded)).map(|(id, _)| id);
        unique(ids, name, "containers")?.ok_or_else(missing)
    }

    /// The container of an id that is known to exist.
    pub(crate) fn container(&self, id: &ContainerId) -> Result<&Container, EngineError> {
        self.containers.get(id).ok_or_else(|| EngineError::NoSuchContainer(id.to_string()))
    }

    /// As [`State::container`], to change it.
    pub(crate) fn container_mut(&mut self, id: &ContainerId) -> Result<&mut Container, EngineError> {
        self.containers.get_mut(id).ok_or_else(|| EngineError::NoSuchContainer(id.to_string()))
    }

    /// The network of a name, an id or a unique prefix of one.
    pub(crate) fn find_network(&self, reference: &str) -> Result<NetworkId, EngineError> {
        if let Some(record) = self.networks.values().find(|record| record.name == reference) {
            return Ok(record.id.clone());
        }
        let missing = || EngineError::NoSuchNetwork(reference.to_owned());
        let ids =
            self.networks.range::<str, _>((Bound::Included(reference), Bound::Unbounded)).map(|(id, _)| id);
        unique(ids, reference, "networks")?.ok_or_else(missing)
    }
}

/// The only id that begins with a prefix, among ids sorted from the prefix on.
fn unique<'a, I>(
    sorted: impl Iterator<Item = &'a I>,
    prefix: &str,
    what: &'static str,
) -> Result<Option<I>, EngineError>
where
    I: Clone + std::borrow::Borrow<str> + 'a,
{
    if prefix.is_empty() {
        return Ok(None);
    }
    let mut matching = sorted.take_while(|id| (*id).borrow().starts_with(prefix));
    let Some(first) = matching.next() else { return Ok(None) };
    match matching.count() {
        0 => Ok(Some(first.clone())),
        more => Err(EngineError::Ambiguous { prefix: prefix.to_owned(), what, count: more + 1 }),
    }
}
