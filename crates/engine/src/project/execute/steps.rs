//! Each step over the engine's methods. A step that was taken already, by an `up` that was cut short, succeeds.

use super::super::convert::{About, container_spec};
use super::super::labels::{self, AboutContainer};
use super::super::plan::{Action, ContainerRef, Slot, WaitFor, container_name};
use super::super::wait::Reached;
use super::requests::{linked, network_request, volume_request};
use super::{Shared, StepError, lock};
use crate::id::{ContainerId, NetworkId};
use crate::op::{RemoveOptions, StopOptions};
use crate::spec::{ContainerName, ContainerSpec};
use crate::{Engine, chain, error::EngineError};
use compose::model::{Project, Service, ServiceName};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

impl Shared {
    /// Takes one step, or several removals of networks.
    pub(super) async fn take(&self, actions: Vec<Action>) -> Result<(), StepError> {
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
            Action::Leave { container, network } => self.leave(container, network).await?,
            Action::Rejoin { container, network } => self.rejoin(container, network).await?,
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
            Action::Stop { container }
            | Action::Remove { container, .. }
            | Action::Leave { container, .. }
            | Action::Rejoin { container, .. } => ("container", container.name.clone()),
            Action::Wait { service, slots, .. } => ("container", self.names(service, slots).join(", ")),
        }
    }

    pub(super) async fn tell(&self, action: &Action, state: &str) {
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
        let image_id = self.observed.images.get(&project.image_of(&service)).cloned().unwrap_or_default();
        let hash = self.observed.service_hash(project, &service);
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
        Action::Leave { .. } => ("disconnecting", "disconnected"),
        Action::Rejoin { .. } => ("connecting", "connected"),
        Action::RemoveNetwork { .. } | Action::Wait { .. } => ("", ""),
    }
}
