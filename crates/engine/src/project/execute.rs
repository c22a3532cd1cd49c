//! Taking the steps of a plan, as many at a time as their order allows.

use super::convert::{About, container_spec};
use super::labels::{self, AboutContainer};
use super::observed::Observed;
use super::options::{DownOptions, UpOptions};
use super::plan::{Action, ContainerRef, Plan, Slot, StepId, WaitFor, container_name};
use super::run::Teller;
use super::wait::Reached;
use crate::id::{ContainerId, NetworkId};
use crate::op::{IpamPool, NetworkRequest, RemoveOptions, StopOptions, VolumeRequest};
use crate::spec::{ContainerName, ContainerSpec, VolumeName};
use crate::{Engine, chain, error::EngineError};
use compose::model::{Network, Project, Service, ServiceName, Volume};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Takes the steps of one plan.
pub(super) struct Execution {
    shared: Arc<Shared>,
}

/// What every step may need.
struct Shared {
    engine: Engine,
    /// None for `down`, whose steps need none.
    project: Option<Project>,
    images: BTreeMap<String, String>,
    teller: Teller,
    stop_timeout: Option<i64>,
    wait_deadline: Option<Instant>,
    /// The containers of places, those made meanwhile included.
    containers: Mutex<BTreeMap<Slot, String>>,
    /// Containers that are replaced: what happens to them is told under the new one's name.
    replaced: Mutex<BTreeSet<String>>,
}

/// Why a step was not taken to its end.
enum StepError {
    /// What is told to the user.
    Failed(String),
}

impl From<EngineError> for StepError {
    fn from(error: EngineError) -> Self {
        Self::Failed(chain(&error))
    }
}

impl Execution {
    pub(super) fn of_up(
        engine: &Engine,
        project: &Project,
        options: &UpOptions,
        observed: Observed,
        teller: &Teller,
    ) -> Self {
        let deadline = options.wait_timeout_s.filter(|_| options.wait);
        Self::new(Shared {
            engine: engine.clone(),
            project: Some(project.clone()),
            images: observed.images,
            teller: teller.clone(),
            stop_timeout: options.timeout_s,
            wait_deadline: deadline.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            containers: Mutex::default(),
            replaced: Mutex::default(),
        })
    }

    pub(super) fn of_down(engine: &Engine, options: &DownOptions, teller: &Teller) -> Self {
        Self::new(Shared {
            engine: engine.clone(),
            project: None,
            images: BTreeMap::new(),
            teller: teller.clone(),
            stop_timeout: options.timeout_s,
            wait_deadline: None,
            containers: Mutex::default(),
            replaced: Mutex::default(),
        })
    }

    fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Takes the steps; returns the problems, each in one sentence. What does not depend on a failed step goes on.
    pub(super) async fn run(self, plan: Plan) -> Vec<String> {
        let shared = &self.shared;
        *lock(&shared.containers) =
            plan.kept.iter().map(|(slot, kept)| (slot.clone(), kept.id.clone())).collect();
        *lock(&shared.replaced) = plan.replaced_ids();
        let mut schedule = Schedule::new(&plan);
        let mut problems = Vec::new();
        let mut running = JoinSet::new();
        loop {
            if !shared.teller.is_cancelled() {
                for batch in schedule.take_ready(&plan) {
                    let (shared, actions) =
                        (Arc::clone(shared), batch.iter().map(|id| plan.steps[*id].action.clone()).collect());
                    running.spawn(async move { (batch, shared.take(actions).await) });
                }
            }
            match running.join_next().await {
                Some(Ok((batch, Ok(())))) => batch.iter().for_each(|id| schedule.done(*id)),
                Some(Ok((batch, Err(StepError::Failed(problem))))) => {
                    problems.push(problem);
                    for id in batch {
                        for skipped in schedule.failed(&plan, id) {
                            shared.tell(&plan.steps[skipped].action, "skipped").await;
                        }
                    }
                }
                Some(Err(error)) => problems.push(format!("a step broke off: {error}")),
                None if shared.teller.is_cancelled() && schedule.is_unfinished() => {
                    problems.push("it was interrupted; what was done stays".to_owned());
                    return problems;
                }
                None => return problems,
            }
        }
    }
}

/// Which steps are ready.
struct Schedule {
    /// Steps that must be done before each.
    missing: Vec<BTreeSet<StepId>>,
    waiting: BTreeSet<StepId>,
}

impl Schedule {
    fn new(plan: &Plan) -> Self {
        let missing = plan.steps.iter().map(|step| step.after.iter().copied().collect()).collect();
        Self { missing, waiting: (0..plan.steps.len()).collect() }
    }

    /// The steps that can be taken now. Networks that go away go together: that costs little more than one.
    fn take_ready(&mut self, plan: &Plan) -> Vec<Vec<StepId>> {
        let ready: Vec<StepId> =
            self.waiting.iter().copied().filter(|id| self.missing[*id].is_empty()).collect();
        for id in &ready {
            self.waiting.remove(id);
        }
        let is_removal = |id: &StepId| matches!(plan.steps[*id].action, Action::RemoveNetwork { .. });
        let (networks, others): (Vec<StepId>, Vec<StepId>) = ready.into_iter().partition(is_removal);
        let networks = if networks.is_empty() { None } else { Some(networks) };
        others.into_iter().map(|id| vec![id]).chain(networks).collect()
    }

    fn done(&mut self, id: StepId) {
        for missing in &mut self.missing {
            missing.remove(&id);
        }
    }

    /// Takes out what cannot be done any more; returns those steps.
    fn failed(&mut self, plan: &Plan, id: StepId) -> Vec<StepId> {
        let mut lost = BTreeSet::from([id]);
        // Steps come after those they need, so one pass finds all.
        for (later, step) in plan.steps.iter().enumerate().skip(id) {
            if self.waiting.contains(&later) && step.after.iter().any(|after| lost.contains(after)) {
                lost.insert(later);
                self.waiting.remove(&later);
            }
        }
        lost.remove(&id);
        lost.into_iter().collect()
    }

    fn is_unfinished(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Shared {
    /// Takes one step, or several removals of networks.
    async fn take(&self, actions: Vec<Action>) -> Result<(), StepError> {
        let taken = match actions.as_slice() {
            [action] => self.step(action).await,
            many => self.remove_networks(many).await,
        };
        if let Err(StepError::Failed(problem)) = &taken {
            for action in &actions {
                let (kind, name) = self.subject(action);
                self.teller.failed(kind, &name, problem).await;
            }
        }
        taken
    }

    async fn step(&self, action: &Action) -> Result<(), StepError> {
        let (begin, end) = words(action);
        self.tell(action, begin).await;
        match action {
            Action::CreateNetwork { key, .. } => self.create_network(key.as_str()).await?,
            Action::RemoveNetwork { .. } => return self.remove_networks(std::slice::from_ref(action)).await,
            Action::CreateVolume { key, .. } => self.create_volume(key.as_str()).await?,
            Action::RemoveVolume { name } => self.engine.volume_remove(name, true).await?,
            Action::RemoveImage { reference } => self.remove_image(reference).await?,
            Action::Create { .. } => self.create(action).await?,
            Action::Rename { slot, name } => self.rename(slot, name).await?,
            Action::Start { slot, .. } => self.start(slot).await?,
            Action::Stop { container } => self.stop(container).await?,
            Action::Remove { container, volumes } => self.remove(container, *volumes).await?,
            Action::Wait { service, slots, until, required } => {
                return self.wait(service, slots, *until, *required).await;
            }
        }
        self.tell(action, end).await;
        Ok(())
    }

    /// What a step is about, as it is told.
    fn subject(&self, action: &Action) -> (&'static str, String) {
        match action {
            Action::CreateNetwork { name, .. } | Action::RemoveNetwork { name } => ("network", name.clone()),
            Action::CreateVolume { name, .. } | Action::RemoveVolume { name } => ("volume", name.clone()),
            Action::RemoveImage { reference } => ("image", reference.clone()),
            Action::Create { name, replaces, .. } => {
                ("container", replaces.clone().unwrap_or_else(|| name.clone()))
            }
            Action::Rename { name, .. } | Action::Start { name, .. } => ("container", name.clone()),
            Action::Stop { container } | Action::Remove { container, .. } => {
                ("container", container.name.clone())
            }
            Action::Wait { service, slots, .. } => ("container", self.names(service, slots).join(", ")),
        }
    }

    async fn tell(&self, action: &Action, state: &str) {
        let hidden = match action {
            Action::Stop { container } | Action::Remove { container, .. } => {
                lock(&self.replaced).contains(&container.id)
            }
            _ => false,
        };
        if !state.is_empty() && !hidden {
            let (kind, name) = self.subject(action);
            self.teller.step(kind, &name, state).await;
        }
    }

    fn project(&self) -> Result<&Project, StepError> {
        self.project
            .as_ref()
            .ok_or_else(|| StepError::Failed("the step needs the project, which is not known".to_owned()))
    }

    fn service(&self, name: &ServiceName) -> Result<&Service, StepError> {
        let service = self.project()?.services.get(name.as_str());
        service.ok_or_else(|| StepError::Failed(format!("the project has no service `{name}`")))
    }

    fn names(&self, service: &ServiceName, slots: &[Slot]) -> Vec<String> {
        let Ok(project) = self.project() else { return Vec::new() };
        let Some(service) = project.services.get(service.as_str()) else { return Vec::new() };
        slots.iter().map(|slot| container_name(project, service, slot.number)).collect()
    }

    /// The container of a place.
    fn container(&self, slot: &Slot) -> Result<String, StepError> {
        let id = lock(&self.containers).get(slot).cloned();
        id.ok_or_else(|| StepError::Failed(format!("there is no container for {slot}")))
    }

    async fn create_network(&self, key: &str) -> Result<(), StepError> {
        let project = self.project()?;
        let Some(network) = project.networks.get(key) else { return Ok(()) };
        let request = network_request(project, key, network).map_err(StepError::Failed)?;
        match self.engine.network_create(request).await {
            Ok(_) => Ok(()),
            // Another engine's `up` that was cut short made it.
            Err(EngineError::NetworkNameTaken { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove_networks(&self, actions: &[Action]) -> Result<(), StepError> {
        let mut ids: Vec<NetworkId> = Vec::new();
        for action in actions {
            self.tell(action, "removing").await;
            let Action::RemoveNetwork { name } = action else { continue };
            let found = self.engine.state().find_network(name);
            ids.extend(found.ok());
        }
        self.engine.blocking(move |engine| engine.delete_networks(&ids)).await?;
        for action in actions {
            self.tell(action, "removed").await;
        }
        Ok(())
    }

    async fn create_volume(&self, key: &str) -> Result<(), StepError> {
        let project = self.project()?;
        let Some(volume) = project.volumes.get(key) else { return Ok(()) };
        self.engine.volume_create(volume_request(project, key, volume).map_err(StepError::Failed)?).await?;
        Ok(())
    }

    async fn remove_image(&self, reference: &str) -> Result<(), StepError> {
        match self.engine.image_remove(reference, false, false).await {
            Ok(_) | Err(EngineError::NoSuchImage(_)) => Ok(()),
            // Somebody else uses it: that is no reason for `down` to fail.
            Err(error @ (EngineError::Conflict(_) | EngineError::InUse { .. })) => {
                self.teller.warning(format!("the image `{reference}` stays: {}", chain(&error))).await;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn create(&self, action: &Action) -> Result<(), StepError> {
        let Action::Create { slot, name, replaces, inherits } = action else { return Ok(()) };
        let service = self.service(&slot.service)?.clone();
        let project = self.project()?;
        let image_id = self.images.get(&project.image_of(&service)).cloned().unwrap_or_default();
        let hash = compose::config_hash(project, &service);
        let about_labels = AboutContainer {
            number: slot.number,
            one_off: false,
            config_hash: &hash,
            image_id: &image_id,
            replaces: replaces.as_deref(),
        };
        let mut about = About {
            name: name.clone(),
            labels: labels::of_container(project, &service, &about_labels),
            providers: self.providers(),
            linked: linked(project, &service),
            inherits: inherits.clone(),
            ..About::default()
        };
        let spec = self.with_project(move |engine, project| {
            about.files = engine.service_files(project, &service)?;
            container_spec(project, &service, &about)
                .map_err(|error| EngineError::BadParameter(error.to_string()))
        });
        let created = self.engine.create(spec.await?).await?;
        for warning in created.warnings {
            self.teller.warning(format!("{}: {warning}", slot.service)).await;
        }
        lock(&self.containers).insert(slot.clone(), created.id.to_string());
        Ok(())
    }

    /// Works with the project on a thread that may block.
    async fn with_project(
        &self,
        work: impl FnOnce(&Engine, &Project) -> Result<ContainerSpec, EngineError> + Send + 'static,
    ) -> Result<ContainerSpec, StepError> {
        let project = self.project()?.clone();
        Ok(self.engine.blocking(move |engine| work(engine, &project)).await?)
    }

    /// The first container of each service.
    fn providers(&self) -> BTreeMap<ServiceName, String> {
        let mut providers = BTreeMap::new();
        for (slot, id) in lock(&self.containers).iter() {
            providers.entry(slot.service.clone()).or_insert_with(|| id.clone());
        }
        providers
    }

    async fn rename(&self, slot: &Slot, name: &str) -> Result<(), StepError> {
        let id = self.container(slot)?;
        let name = ContainerName::parse(name).map_err(|error| StepError::Failed(error.to_string()))?;
        Ok(self.engine.rename(&id, name).await?)
    }

    async fn start(&self, slot: &Slot) -> Result<(), StepError> {
        match self.engine.start(&self.container(slot)?).await {
            Ok(()) | Err(EngineError::AlreadySo { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn stop(&self, container: &ContainerRef) -> Result<(), StepError> {
        let options = StopOptions { signal: None, timeout: self.stop_timeout };
        match self.engine.stop(&container.id, options).await {
            Ok(()) | Err(EngineError::AlreadySo { .. } | EngineError::NoSuchContainer(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove(&self, container: &ContainerRef, volumes: bool) -> Result<(), StepError> {
        match self.engine.remove(&container.id, RemoveOptions { force: true, volumes }).await {
            Ok(()) | Err(EngineError::NoSuchContainer(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn wait(
        &self,
        service: &ServiceName,
        slots: &[Slot],
        until: WaitFor,
        required: bool,
    ) -> Result<(), StepError> {
        let names = self.names(service, slots);
        for name in &names {
            self.teller.step("container", name, "waiting").await;
        }
        let deadline = self.wait_deadline.filter(|_| until == WaitFor::Ready);
        let mut waits = JoinSet::new();
        for (slot, name) in slots.iter().zip(names) {
            let id = ContainerId::try_from(self.container(slot)?)
                .map_err(|error| StepError::Failed(error.to_string()))?;
            let (engine, teller) = (self.engine.clone(), self.teller.clone());
            waits.spawn(async move { (name, engine.wait_until(&id, until, deadline, &teller).await) });
        }
        while let Some(waited) = waits.join_next().await {
            let Ok((name, reached)) = waited else { continue };
            match reached {
                Ok(Reached::Healthy) => self.teller.step("container", &name, "healthy").await,
                Ok(Reached::Running) => self.teller.step("container", &name, "running").await,
                Ok(Reached::Exited) => self.teller.step("container", &name, "exited").await,
                Err(problem) if required => return Err(StepError::Failed(problem)),
                Err(problem) => {
                    self.teller.warning(format!("{problem}; what only prefers `{service}` goes on")).await
                }
            }
        }
        Ok(())
    }
}

/// What is told before and after a step; nothing is told where the text is empty.
fn words(action: &Action) -> (&'static str, &'static str) {
    match action {
        Action::Create { replaces: Some(_), .. } => ("recreating", ""),
        Action::CreateNetwork { .. } | Action::CreateVolume { .. } | Action::Create { .. } => {
            ("creating", "created")
        }
        Action::Rename { .. } => ("", "recreated"),
        Action::Start { .. } => ("starting", "started"),
        Action::Stop { .. } => ("stopping", "stopped"),
        Action::Remove { .. } | Action::RemoveVolume { .. } | Action::RemoveImage { .. } => {
            ("removing", "removed")
        }
        Action::RemoveNetwork { .. } | Action::Wait { .. } => ("", ""),
    }
}

/// Names of the containers of the services that a service links to.
fn linked(project: &Project, service: &Service) -> BTreeMap<ServiceName, Vec<String>> {
    let links =
        service.networking.links.iter().filter_map(|link| project.services.get(link.service.as_str()));
    links
        .map(|linked| {
            let names = (1..=linked.replicas.max(1)).map(|number| container_name(project, linked, number));
            (linked.name.clone(), names.collect())
        })
        .collect()
}

fn network_request(project: &Project, key: &str, network: &Network) -> Result<NetworkRequest, String> {
    let pools = network.ipam.pools.iter().filter_map(|pool| {
        Some(IpamPool {
            subnet: pool.subnet?,
            ip_range: pool.ip_range,
            gateway: pool.gateway,
            auxiliary: pool.aux_addresses.clone(),
        })
    });
    let hash = compose::network_hash(network);
    Ok(NetworkRequest {
        name: network.name.clone(),
        internal: network.internal,
        attachable: network.attachable,
        enable_ipv6: network.enable_ipv6.unwrap_or_else(|| {
            network.ipam.pools.iter().any(|pool| pool.subnet.is_some_and(|subnet| subnet.addr().is_ipv6()))
        }),
        pools: pools.collect(),
        options: network.driver_opts.clone(),
        labels: labels::of_resource(project.name.as_str(), labels::NETWORK, key, &network.labels, &hash),
        ..NetworkRequest::default()
    })
}

fn volume_request(project: &Project, key: &str, volume: &Volume) -> Result<VolumeRequest, String> {
    let hash = compose::volume_hash(volume);
    Ok(VolumeRequest {
        name: Some(VolumeName::parse(&volume.name).map_err(|error| error.to_string())?),
        driver: None,
        options: volume.driver_opts.clone(),
        labels: labels::of_resource(project.name.as_str(), labels::VOLUME, key, &volume.labels, &hash),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
