//! The steps of `up`.

mod networks;
mod service;

use super::PlanError;
use super::decide::{Decider, Decision, Fate};
use super::dependencies::{all_in_order, touched_services};
use super::order::after_what_gives_way;
use super::orphans::{orphans, reference};
use super::resources::{Networks, volumes};
use super::step::{Action, Plan, Slot, StepId, WaitFor};
use crate::project::labels;
use crate::project::observed::{Observed, ObservedContainer};
use crate::project::options::UpOptions;
use compose::model::{NetworkKey, Project, Service, ServiceName, VolumeKey};
use std::collections::{BTreeMap, BTreeSet};

/// Makes one plan.
pub(super) struct Planner<'a> {
    project: &'a Project,
    observed: &'a Observed,
    options: &'a UpOptions,
    /// The services that are touched, in order.
    services: Vec<&'a Service>,
    /// The containers of the services that were named are left alone.
    only_dependencies: bool,
    plan: Plan,
}

/// The steps made so far that others follow.
#[derive(Default)]
struct Made {
    networks: BTreeMap<NetworkKey, StepId>,
    volumes: BTreeMap<VolumeKey, StepId>,
    /// Steps that make the containers of a service.
    creates: BTreeMap<ServiceName, Vec<StepId>>,
    /// Steps that start containers of a service.
    starts: BTreeMap<ServiceName, Vec<StepId>>,
    /// Steps that stop containers which are restarted with a dependency, by the dependency.
    stops_before: BTreeMap<ServiceName, Vec<StepId>>,
    /// Removals of containers that were on networks which are made anew.
    off_network: BTreeMap<NetworkKey, Vec<StepId>>,
    /// Stops of the old containers of places that are replaced or restarted.
    stopped: BTreeMap<Slot, StepId>,
    /// Removals of the old containers of places.
    removed: BTreeMap<Slot, StepId>,
    /// Removals of containers, by the name they give back.
    names: BTreeMap<String, StepId>,
}

impl<'a> Planner<'a> {
    /// # Errors
    /// Services that the project does not have, or that cannot have the number of containers asked for.
    pub(super) fn new(
        project: &'a Project,
        observed: &'a Observed,
        options: &'a UpOptions,
    ) -> Result<Self, Vec<PlanError>> {
        let names = touched_services(project, options)?;
        let services = names.iter().filter_map(|name| project.services.get(name.as_str())).collect();
        let plan = Plan::default();
        let planner = Self { project, observed, options, services, only_dependencies: false, plan };
        let errors = planner.scale_errors();
        if errors.is_empty() { Ok(planner) } else { Err(errors) }
    }

    /// Leaves alone the containers of the services that were named.
    pub(super) fn only_dependencies(self) -> Self {
        Self { only_dependencies: true, ..self }
    }

    fn is_left_alone(&self, service: &Service) -> bool {
        self.only_dependencies && self.options.services.iter().any(|name| name == service.name.as_str())
    }

    fn scale_errors(&self) -> Vec<PlanError> {
        let too_many = |(name, replicas): (&String, &u32)| {
            let service = self.project.services.get(name.as_str()).filter(|_| *replicas > 1)?;
            let has_address = |attachment: &compose::model::ServiceNetwork| {
                attachment.ipv4_address.is_some() || attachment.ipv6_address.is_some()
            };
            let what = if service.container_name.is_some() {
                "container name"
            } else if service.networking.attachment.networks().any(|(_, network)| has_address(network)) {
                "address"
            } else if service
                .networking
                .ports
                .iter()
                .any(|p| p.published.is_some_and(|r| u32::from(r.end - r.start) + 1 < *replicas))
            {
                "port on the host"
            } else {
                return None;
            };
            Some(PlanError::CannotScale { service: service.name.clone(), replicas: *replicas, what })
        };
        self.options.scale.iter().filter_map(too_many).collect()
    }

    /// # Errors
    /// Networks and volumes that are missing or not the project's.
    pub(super) fn plan(mut self) -> Result<Plan, Vec<PlanError>> {
        let mut errors = Vec::new();
        let networks = Networks::decide(self.project, self.observed, &self.services, &mut errors);
        self.add_services_of_replaced_networks(&networks);
        let made_volumes = volumes(self.project, self.observed, &self.services, &mut self.plan, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let decisions = self.decide(&networks);
        self.note_kept(&decisions);
        let mut made = Made { volumes: made_volumes, ..Made::default() };
        self.create_networks(&networks, &mut made);
        self.remove_surplus(&decisions, &mut made);
        self.stop_dependents(&decisions, &mut made);
        self.replace_networks(&networks, &decisions, &mut made);
        for service in self.services.clone() {
            if let Some(decision) = decisions.get(service.name.as_str()) {
                self.service(service, decision, &mut made);
            } else if self.is_left_alone(service) {
                self.gates(service, &mut made);
            }
        }
        self.wait_for_all(&decisions, &made);
        self.orphans();
        after_what_gives_way(&mut self.plan, self.project, self.observed);
        Ok(self.plan)
    }

    /// A network that is made anew takes all containers on it along, also those of services that were not named.
    fn add_services_of_replaced_networks(&mut self, networks: &Networks) {
        let touched: BTreeSet<&str> = self.services.iter().map(|service| service.name.as_str()).collect();
        let also: Vec<&Service> = self
            .project
            .services
            .values()
            .filter(|service| !touched.contains(service.name.as_str()) && networks.is_replaced_for(service))
            .filter(|service| self.containers_of(&service.name).next().is_some())
            .collect();
        self.services.extend(also);
    }

    fn containers_of(&self, service: &ServiceName) -> impl Iterator<Item = &'a ObservedContainer> {
        let name = service.to_string();
        let project = self.project.name.as_str();
        self.observed
            .of_project(project)
            .filter(move |c| c.label(labels::SERVICE) == Some(name.as_str()) && !c.is_one_off())
    }

    fn decide(&mut self, networks: &Networks) -> BTreeMap<ServiceName, Decision<'a>> {
        let explicit = match self.options.services.as_slice() {
            [] => self.project.services.keys().map(ToString::to_string).collect(),
            named => named.iter().cloned().collect(),
        };
        let decider = Decider {
            project: self.project,
            observed: self.observed,
            options: self.options,
            networks,
            explicit,
        };
        let mut decisions = BTreeMap::new();
        for service in self.services.iter().filter(|service| !self.is_left_alone(service)) {
            let decision = decider.decide(service, &decisions);
            decisions.insert(service.name.clone(), decision);
        }
        // Dependents that are restarted with a replaced dependency, though nobody named them.
        for service in all_in_order(self.project) {
            let is_decided = decisions.contains_key(service.name.as_str()) || self.is_left_alone(service);
            if is_decided || self.options.no_deps {
                continue;
            }
            let mut decision = decider.decide(service, &decisions);
            decision.surplus.clear();
            decision.places.retain(|place| place.fate == Fate::Restart);
            if !decision.places.is_empty() {
                self.services.push(service);
                decisions.insert(service.name.clone(), decision);
            }
        }
        decisions
    }

    fn note_kept(&mut self, decisions: &BTreeMap<ServiceName, Decision<'a>>) {
        for place in decisions.values().flat_map(|decision| &decision.places) {
            if let (Some(container), true) = (place.container, place.fate != Fate::Replace) {
                self.plan.kept.insert(place.slot.clone(), reference(container));
            }
            if place.fate == Fate::Completed {
                self.plan.completed.push(place.slot.clone());
            }
        }
    }

    /// Stops and removes a container.
    fn remove(&mut self, container: &ObservedContainer, volumes: bool, after: Vec<StepId>) -> StepId {
        let container_ref = reference(container);
        let after = match container.state.is_alive() {
            true => vec![self.plan.add(Action::Stop { container: container_ref.clone() }, after)],
            false => after,
        };
        self.plan.add(Action::Remove { container: container_ref, volumes }, after)
    }

    fn remove_surplus(&mut self, decisions: &BTreeMap<ServiceName, Decision<'a>>, made: &mut Made) {
        for container in decisions.values().flat_map(|decision| &decision.surplus) {
            let step = self.remove(container, true, Vec::new());
            made.names.insert(container.name.clone(), step);
            self.note_off_network(container, step, made);
        }
    }

    /// Containers that are restarted with a dependency stop before the dependency does.
    fn stop_dependents(&mut self, decisions: &BTreeMap<ServiceName, Decision<'a>>, made: &mut Made) {
        // Dependents come after what they depend on, so from the end: outermost first.
        for service in self.services.clone().into_iter().rev() {
            let Some(decision) = decisions.get(service.name.as_str()) else { continue };
            for place in decision.places.iter().filter(|place| place.fate == Fate::Restart) {
                let Some(container) = place.container else { continue };
                let before = made.stops_before.get(service.name.as_str()).cloned().unwrap_or_default();
                let step = self.plan.add(Action::Stop { container: reference(container) }, before);
                made.stopped.insert(place.slot.clone(), step);
                for (name, dependency) in &service.lifecycle.depends_on {
                    if dependency.restart {
                        made.stops_before.entry(name.clone()).or_default().push(step);
                    }
                }
            }
        }
    }

    /// `--wait`.
    fn wait_for_all(&mut self, decisions: &BTreeMap<ServiceName, Decision<'a>>, made: &Made) {
        if !self.options.wait || self.options.no_start {
            return;
        }
        for service in self.services.clone() {
            if decisions.contains_key(service.name.as_str()) {
                let starts = made.starts.get(service.name.as_str()).cloned().unwrap_or_default();
                self.wait(&service.name, WaitFor::Ready, true, starts);
            }
        }
    }

    /// Containers of services that the project no longer has.
    fn orphans(&mut self) {
        let orphans = orphans(self.project, self.observed);
        if orphans.is_empty() {
            return;
        }
        if self.options.remove_orphans {
            for container in orphans {
                if !self.plan.removes(&container.id) {
                    self.remove(container, true, Vec::new());
                }
            }
            return;
        }
        let names: Vec<&str> = orphans.iter().map(|container| container.name.as_str()).collect();
        self.plan.warnings.push(format!(
            "there are containers of services that the project no longer has: {}; `--remove-orphans` removes them",
            names.join(", ")
        ));
    }
}
