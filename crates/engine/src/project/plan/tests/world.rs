//! A world in which plans are carried out by changing what is observed.

use crate::project::labels::{self, AboutContainer};
use crate::project::observed::{Observed, ObservedContainer, ObservedPort, ObservedResource, ObservedState};
use crate::project::options::{DownOptions, UpOptions};
use crate::project::plan::{Action, Plan, Slot, plan, plan_down};
use compose::model::{Attachment, Project, RestartPolicy};
use compose::{LoadOptions, load};
use std::path::PathBuf;

/// The project `shop` of a compose file.
pub(super) fn project(yaml: &str) -> Project {
    let options = LoadOptions {
        files: vec![PathBuf::from("-")],
        stdin: Some(yaml.to_owned()),
        current_dir: PathBuf::from("/shop"),
        project_name: Some("shop".to_owned()),
        profiles: vec!["*".to_owned()],
        ..LoadOptions::default()
    };
    load(&options).unwrap_or_else(|error| panic!("{error}")).project
}

/// What is observed, and how steps change it.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) observed: Observed,
    next_id: u32,
}

impl World {
    /// Nothing but the images of the project.
    pub(super) fn with_images(project: &Project) -> Self {
        let mut observed = Observed::default();
        for service in project.services.values() {
            let image = project.image_of(service);
            observed.images.insert(image.clone(), format!("sha256:{image}"));
        }
        Self { observed, next_id: 0 }
    }

    pub(super) fn plan(&self, project: &Project, options: &UpOptions) -> Plan {
        plan(project, &self.observed, options).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    /// Plans, takes every step, and returns the plan.
    pub(super) fn up(&mut self, project: &Project, options: &UpOptions) -> Plan {
        let plan = self.plan(project, options);
        self.take(project, &plan, plan.steps.len());
        plan
    }

    pub(super) fn down(&mut self, project: &Project, options: &DownOptions) -> Plan {
        let plan = plan_down(&project.name, Some(project), &self.observed, options);
        self.take(project, &plan, plan.steps.len());
        plan
    }

    /// Takes the first steps of a plan.
    pub(super) fn take(&mut self, project: &Project, plan: &Plan, count: usize) {
        for step in plan.steps.iter().take(count) {
            self.step(project, plan, &step.action);
        }
    }

    /// Takes some steps of a plan, in an order that the plan allows: `choices` pick among those that are ready.
    pub(super) fn take_some(&mut self, project: &Project, plan: &Plan, choices: &[usize]) {
        let mut done = std::collections::BTreeSet::new();
        for choice in choices {
            let is_ready =
                |id: &usize| !done.contains(id) && plan.steps[*id].after.iter().all(|a| done.contains(a));
            let ready: Vec<usize> = (0..plan.steps.len()).filter(is_ready).collect();
            let Some(id) = ready.get(choice % ready.len().max(1)) else { return };
            self.step(project, plan, &plan.steps[*id].action);
            done.insert(*id);
        }
    }

    pub(super) fn container(&mut self, name: &str) -> &mut ObservedContainer {
        self.observed
            .containers
            .iter_mut()
            .find(|c| c.name == name)
            .unwrap_or_else(|| panic!("no container {name}"))
    }

    /// Names and states, sorted.
    pub(super) fn shown(&self) -> Vec<String> {
        let mut shown: Vec<String> =
            self.observed.containers.iter().map(|c| format!("{} {:?}", c.name, c.state)).collect();
        shown.sort();
        shown
    }

    fn step(&mut self, project: &Project, plan: &Plan, action: &Action) {
        match action {
            Action::CreateNetwork { key, name } => {
                let network = &project.networks[key.as_str()];
                let hash = compose::network_hash(network);
                let labels =
                    labels::of_resource("shop", labels::NETWORK, key.as_str(), &network.labels, &hash);
                let subnets = network.ipam.pools.iter().filter_map(|pool| pool.subnet).collect();
                self.observed.networks.insert(name.clone(), ObservedResource { labels, subnets });
            }
            Action::CreateVolume { key, name } => {
                let volume = &project.volumes[key.as_str()];
                let hash = compose::volume_hash(volume);
                let labels = labels::of_resource("shop", labels::VOLUME, key.as_str(), &volume.labels, &hash);
                self.observed.volumes.insert(name.clone(), ObservedResource { labels, subnets: Vec::new() });
            }
            Action::RemoveNetwork { name } => {
                assert!(
                    !self.observed.containers.iter().any(|c| c.networks.contains(name)),
                    "{name} is in use"
                );
                assert!(self.observed.networks.remove(name).is_some());
            }
            Action::Leave { container, network } => {
                assert!(self.by_id(&container.id.clone()).networks.remove(network));
            }
            Action::Rejoin { container, network } => {
                assert!(self.observed.networks.contains_key(network), "{network} does not exist");
                self.by_id(&container.id.clone()).networks.insert(network.clone());
            }
            Action::RemoveVolume { name } => assert!(self.observed.volumes.remove(name).is_some()),
            Action::RemoveImage { reference } => assert!(self.observed.images.remove(reference).is_some()),
            Action::Create { slot, name, replaces, inherits } => {
                self.create(project, slot, name, replaces.as_deref(), inherits.clone());
            }
            Action::Rename { slot, name } => {
                assert!(!self.observed.containers.iter().any(|c| c.name == *name), "{name} is taken");
                let id = self.id_of(plan, slot);
                self.by_id(&id).name.clone_from(name);
            }
            Action::Start { slot, .. } => {
                let id = self.id_of(plan, slot);
                self.start(project, slot, &id);
            }
            Action::Stop { container } => {
                let stopped = self.by_id(&container.id.clone());
                assert!(stopped.state.is_alive(), "{} does not run", stopped.name);
                stopped.state = ObservedState::Exited { code: 0, by_itself: false };
                stopped.published.clear();
            }
            Action::Remove { container, .. } => {
                let id = container.id.clone();
                assert!(!self.by_id(&id).state.is_alive(), "{} runs", container.name);
                self.observed.containers.retain(|c| c.id != id);
            }
            Action::Wait { slots, .. } => {
                for slot in slots {
                    let id = self.id_of(plan, slot);
                    assert!(self.by_id(&id).state != ObservedState::Created, "{slot} was never started");
                }
            }
        }
    }

    fn by_id(&mut self, id: &str) -> &mut ObservedContainer {
        self.observed
            .containers
            .iter_mut()
            .find(|c| c.id == id)
            .unwrap_or_else(|| panic!("no container {id}"))
    }

    /// The container of a place: the newest one of its number.
    fn id_of(&mut self, plan: &Plan, slot: &Slot) -> String {
        let of_slot = |c: &&ObservedContainer| {
            c.label(labels::SERVICE) == Some(slot.service.as_str())
                && c.number() == slot.number
                && !c.is_one_off()
        };
        let newest = self.observed.containers.iter().rfind(of_slot);
        match plan.kept.get(slot) {
            Some(kept) => kept.id.clone(),
            None => newest.unwrap_or_else(|| panic!("no container for {slot}")).id.clone(),
        }
    }

    fn create(
        &mut self,
        project: &Project,
        slot: &Slot,
        name: &str,
        replaces: Option<&str>,
        anonymous_volumes: std::collections::BTreeMap<String, String>,
    ) {
        assert!(!self.observed.containers.iter().any(|c| c.name == name), "{name} is taken");
        let service = &project.services[slot.service.as_str()];
        let image_id = self.observed.images[&project.image_of(service)].clone();
        let hash = compose::config_hash(project, service);
        let about = AboutContainer {
            number: slot.number,
            one_off: false,
            config_hash: &hash,
            image_id: &image_id,
            replaces,
        };
        let networks: std::collections::BTreeSet<String> = service
            .networking
            .attachment
            .networks()
            .map(|(key, _)| project.networks[key.as_str()].name.clone())
            .collect();
        for network in &networks {
            assert!(self.observed.networks.contains_key(network), "{network} does not exist");
        }
        self.next_id += 1;
        self.observed.containers.push(ObservedContainer {
            id: format!("{:012x}{:052}", self.next_id, 0),
            name: name.to_owned(),
            labels: labels::of_container(project, service, &about),
            image_id,
            networks,
            anonymous_volumes,
            ..ObservedContainer::default()
        });
    }

    fn start(&mut self, project: &Project, slot: &Slot, id: &str) {
        let service = &project.services[slot.service.as_str()];
        let one_shot = service.labels.contains_key("one-shot");
        if let Attachment::Service(provider) = &service.networking.attachment {
            let runs = |c: &ObservedContainer| {
                c.label(labels::SERVICE) == Some(provider.as_str()) && c.state.is_alive()
            };
            assert!(self.observed.containers.iter().any(runs), "{provider} does not run");
        }
        let ports: Vec<ObservedPort> = service
            .networking
            .ports
            .iter()
            .filter_map(|port| {
                let range = port.published.filter(|range| range.start == range.end)?;
                Some(ObservedPort { host_ip: port.host_ip, port: range.start, protocol: port.protocol })
            })
            .collect();
        for port in &ports {
            let holder = self.observed.containers.iter().find(|c| c.published.contains(port));
            assert!(holder.is_none(), "{slot}: {} holds {port:?}", holder.unwrap().name);
        }
        let container = self.by_id(id);
        assert!(!container.state.is_alive(), "{slot} runs already");
        container.state = match one_shot && service.lifecycle.restart == RestartPolicy::No {
            true => ObservedState::Exited { code: 0, by_itself: true },
            false => ObservedState::Running,
        };
        if container.state.is_alive() {
            container.published = ports;
        }
    }
}
