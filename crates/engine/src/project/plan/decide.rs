//! What happens to each container of a service.

use super::leftovers::sort;
use super::resources::Networks;
use super::step::Slot;
use crate::project::labels;
use crate::project::observed::{Observed, ObservedContainer, ObservedState};
use crate::project::options::UpOptions;
use compose::model::{Attachment, Project, RestartPolicy, Service, ServiceName, VolumesFromSource};
use std::collections::{BTreeMap, BTreeSet};

/// What happens to one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its container runs and is up to date.
    Keep,
    /// Its container has done its work.
    Completed,
    /// Its container is up to date and only has to be started.
    Start,
    /// Its container is up to date and runs, but something it depends on is replaced.
    Restart,
    /// Its container is replaced.
    Replace,
    /// It has no container yet.
    Create,
}

/// One place and what happens to it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) slot: Slot,
    /// Its final name.
    pub(super) name: String,
    pub(super) fate: Fate,
    pub(super) container: Option<&'a ObservedContainer>,
}

/// What happens to a service.
#[derive(Debug, Default)]
pub(super) struct Decision<'a> {
    pub(super) places: Vec<Place<'a>>,
    /// Containers beyond the wanted number, and leftovers.
    pub(super) surplus: Vec<&'a ObservedContainer>,
}

impl Decision<'_> {
    /// Whether a container of it is made anew.
    pub(super) fn replaces(&self) -> bool {
        self.places.iter().any(|place| matches!(place.fate, Fate::Replace))
    }

    /// Whether its containers change: made, replaced or started again.
    pub(super) fn restarts(&self) -> bool {
        self.places.iter().any(|place| matches!(place.fate, Fate::Replace | Fate::Restart))
    }
}

/// Decides service after service; each sees what was decided for those it depends on.
pub(super) struct Decider<'a, 'n> {
    pub(super) project: &'a Project,
    pub(super) observed: &'a Observed,
    pub(super) options: &'a UpOptions,
    pub(super) networks: &'n Networks,
    /// Services that were named, rather than pulled in as dependencies.
    pub(super) explicit: BTreeSet<String>,
}

impl<'a> Decider<'a, '_> {
    /// The containers of a service, without those of `run`.
    pub(super) fn containers(&self, service: &str) -> impl Iterator<Item = &'a ObservedContainer> {
        let observed = self.observed;
        let project = self.project.name.as_str();
        observed
            .containers
            .iter()
            .filter(move |c| c.label(labels::PROJECT) == Some(project))
            .filter(move |c| c.label(labels::SERVICE) == Some(service) && !c.is_one_off())
    }

    /// How many containers a service shall have.
    pub(super) fn replicas(&self, service: &Service) -> u32 {
        self.options.scale.get(service.name.as_str()).copied().unwrap_or(service.replicas)
    }

    pub(super) fn decide(
        &self,
        service: &Service,
        before: &BTreeMap<ServiceName, Decision<'a>>,
    ) -> Decision<'a> {
        let wanted = self.replicas(service) as usize;
        let sorted = sort(self.containers(service.name.as_str()));
        let hash = self.observed.service_hash(self.project, service);
        let mut keep = sorted.places;
        let mut decision = Decision { places: Vec::new(), surplus: sorted.leftovers };
        // Those that are out of date go first, then those with the highest numbers.
        keep.sort_by_key(|c| (self.must_replace(service, &hash, c, before), c.number()));
        decision.surplus.extend(keep.drain(wanted.min(keep.len())..));
        keep.sort_by_key(|c| c.number());
        let mut next = keep.iter().chain(&decision.surplus).map(|c| c.number()).max().unwrap_or(0);
        for container in &keep {
            let fate = self.fate(service, &hash, container, before);
            decision.places.push(self.place(service, container.number(), fate, Some(container)));
        }
        for _ in keep.len()..wanted {
            next += 1;
            decision.places.push(self.place(service, next, Fate::Create, None));
        }
        decision
    }

    fn place(
        &self,
        service: &Service,
        number: u32,
        fate: Fate,
        container: Option<&'a ObservedContainer>,
    ) -> Place<'a> {
        let slot = Slot { service: service.name.clone(), number };
        let name = container_name(self.project, service, number);
        Place { slot, name, fate, container }
    }

    fn fate(
        &self,
        service: &Service,
        hash: &str,
        container: &ObservedContainer,
        before: &BTreeMap<ServiceName, Decision<'a>>,
    ) -> Fate {
        if self.must_replace(service, hash, container, before) {
            return Fate::Replace;
        }
        match container.state {
            ObservedState::Running | ObservedState::Paused if restarts_with(service, before) => Fate::Restart,
            ObservedState::Running | ObservedState::Paused => Fate::Keep,
            ObservedState::Exited { code: 0, by_itself: true } if ends_by_itself(service) => Fate::Completed,
            ObservedState::Created | ObservedState::Exited { .. } => Fate::Start,
            ObservedState::Dead => Fate::Replace,
        }
    }

    fn must_replace(
        &self,
        service: &Service,
        hash: &str,
        container: &ObservedContainer,
        before: &BTreeMap<ServiceName, Decision<'a>>,
    ) -> bool {
        if container.state == ObservedState::Dead || self.networks.is_replaced_for(service) {
            return true;
        }
        if self.options.no_recreate {
            return false;
        }
        let explicit = self.explicit.contains(service.name.as_str());
        let forced = if explicit { self.options.force_recreate } else { self.options.always_recreate_deps };
        forced
            || container.label(labels::CONFIG_HASH) != Some(hash)
            || self.image_changed(service, container)
            || self.networks_differ(service, container)
            || shares_with_replaced(service, before)
    }

    fn image_changed(&self, service: &Service, container: &ObservedContainer) -> bool {
        let image = self.observed.images.get(&self.project.image_of(service));
        image.is_some_and(|id| *id != container.image_id)
    }

    /// The container is not on the networks that the service names.
    fn networks_differ(&self, service: &Service, container: &ObservedContainer) -> bool {
        let Attachment::Networks(networks) = &service.networking.attachment else { return false };
        let wanted = networks.keys().filter_map(|key| self.project.networks.get(key.as_str()));
        wanted.into_iter().any(|network| !container.networks.contains(&network.name))
    }
}

/// The name of a service's container.
pub(in crate::project) fn container_name(project: &Project, service: &Service, number: u32) -> String {
    match &service.container_name {
        Some(name) => name.clone(),
        None => format!("{}-{}-{number}", project.name, service.name),
    }
}

/// A service that is meant to end: nothing starts it again after a success.
fn ends_by_itself(service: &Service) -> bool {
    matches!(service.lifecycle.restart, RestartPolicy::No | RestartPolicy::OnFailure { .. })
}

/// Something that the service wants to be restarted with is replaced or restarted.
fn restarts_with(service: &Service, before: &BTreeMap<ServiceName, Decision<'_>>) -> bool {
    service
        .lifecycle
        .depends_on
        .iter()
        .filter(|(_, dependency)| dependency.restart)
        .any(|(name, _)| before.get(name.as_str()).is_some_and(Decision::restarts))
}

/// The service uses a namespace or the volumes of a container that is replaced, and is bound to that one's id.
fn shares_with_replaced(service: &Service, before: &BTreeMap<ServiceName, Decision<'_>>) -> bool {
    providers(service).iter().any(|name| before.get(name.as_str()).is_some_and(Decision::replaces))
}

/// The services whose namespaces or volumes a service uses.
pub(super) fn providers(service: &Service) -> Vec<ServiceName> {
    let of_mode = |mode: &Option<String>| {
        mode.as_deref()
            .and_then(|mode| mode.strip_prefix("service:"))
            .and_then(|name| ServiceName::new(name).ok())
    };
    let mut out: Vec<ServiceName> = [&service.security.ipc, &service.security.pid, &service.security.uts]
        .into_iter()
        .filter_map(of_mode)
        .collect();
    if let Attachment::Service(name) = &service.networking.attachment {
        out.push(name.clone());
    }
    for from in &service.storage.volumes_from {
        if let VolumesFromSource::Service(name) = &from.source {
            out.push(name.clone());
        }
    }
    out
}
