//! The steps of one service.

use super::super::decide::{Decision, Fate, Place, providers};
use super::super::resources::volumes_of;
use super::super::step::{Action, Slot, StepId, WaitFor};
use super::{Made, Planner};
use crate::project::observed::ObservedContainer;
use compose::model::{Attachment, Condition, Service, ServiceName};
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Planner<'a> {
    pub(super) fn service(&mut self, service: &Service, decision: &Decision<'a>, made: &mut Made) {
        let mut ready: Vec<(&Place<'a>, Vec<StepId>)> = Vec::new();
        for place in &decision.places {
            let steps = match (place.fate, place.container) {
                (Fate::Keep | Fate::Completed, Some(container)) => {
                    self.final_name(place, container, Vec::new());
                    continue;
                }
                (Fate::Start, Some(container)) => self.final_name(place, container, Vec::new()),
                (Fate::Restart, Some(container)) => {
                    let stopped = made.stopped.get(&place.slot).copied();
                    self.final_name(place, container, stopped.into_iter().collect())
                }
                (Fate::Replace, Some(old)) => self.replace(service, place, old, made),
                _ => vec![self.create(service, place, None, made)],
            };
            ready.push((place, steps));
        }
        if ready.is_empty() || self.options.no_start {
            return;
        }
        let gates = self.gates(service, made);
        for (place, steps) in ready {
            let action = Action::Start { slot: place.slot.clone(), name: place.name.clone() };
            let step = self.plan.add(action, steps.into_iter().chain(gates.iter().copied()));
            made.starts.entry(service.name.clone()).or_default().push(step);
        }
    }

    /// Renames a container that an interrupted `up` left under another name.
    fn final_name(
        &mut self,
        place: &Place<'a>,
        container: &ObservedContainer,
        after: Vec<StepId>,
    ) -> Vec<StepId> {
        if container.name == place.name {
            return after;
        }
        let action = Action::Rename { slot: place.slot.clone(), name: place.name.clone() };
        vec![self.plan.add(action, after)]
    }

    fn replace(
        &mut self,
        service: &Service,
        place: &Place<'a>,
        old: &ObservedContainer,
        made: &mut Made,
    ) -> Vec<StepId> {
        if made.removed.contains_key(&place.slot) {
            return vec![self.create(service, place, Some(old), made)];
        }
        let created = self.create(service, place, Some(old), made);
        let mut before = made.stops_before.get(service.name.as_str()).cloned().unwrap_or_default();
        before.push(created);
        let removed = self.remove(old, self.options.renew_anon_volumes, before);
        let action = Action::Rename { slot: place.slot.clone(), name: place.name.clone() };
        vec![self.plan.add(action, [removed])]
    }

    /// Makes the container of a place; beside the old one if that is still there.
    fn create(
        &mut self,
        service: &Service,
        place: &Place<'a>,
        old: Option<&ObservedContainer>,
        made: &mut Made,
    ) -> StepId {
        let old_is_gone = made.removed.get(&place.slot).copied();
        let mut after: Vec<StepId> = old_is_gone.into_iter().collect();
        after.extend(service.networking.attachment.networks().filter_map(|(key, _)| made.networks.get(key)));
        after.extend(volumes_of(service).filter_map(|key| made.volumes.get(key)));
        for provider in providers(service) {
            after.extend(made.creates.get(provider.as_str()).into_iter().flatten());
        }
        let beside = old.filter(|_| old_is_gone.is_none());
        let inherits = match old {
            Some(old) if !self.options.renew_anon_volumes => old.anonymous_volumes.clone(),
            _ => BTreeMap::new(),
        };
        let name = match beside {
            Some(old) => format!("{}_{}", old.id.get(..12).unwrap_or(&old.id), place.name),
            None => place.name.clone(),
        };
        after.extend(made.names.get(&name));
        let action = Action::Create {
            slot: place.slot.clone(),
            name,
            replaces: beside.map(|_| place.name.clone()),
            inherits,
        };
        let step = self.plan.add(action, after);
        made.creates.entry(service.name.clone()).or_default().push(step);
        step
    }

    /// What must have happened to the dependencies of a service before it is started.
    pub(super) fn gates(&mut self, service: &Service, made: &mut Made) -> Vec<StepId> {
        let mut gates = Vec::new();
        for (name, dependency) in &service.lifecycle.depends_on {
            let starts = made.starts.get(name.as_str()).cloned().unwrap_or_default();
            let until = match dependency.condition {
                Condition::ServiceStarted => None,
                Condition::ServiceHealthy => Some(WaitFor::Healthy),
                Condition::ServiceCompletedSuccessfully => Some(WaitFor::Completed),
            };
            match until {
                None => gates.extend(starts),
                Some(until) => gates.extend(self.wait(name, until, dependency.required, starts)),
            }
        }
        if let Attachment::Service(provider) = &service.networking.attachment {
            gates.extend(made.starts.get(provider.as_str()).into_iter().flatten());
        }
        gates
    }

    /// A step that waits for a service, shared by all that wait for the same.
    pub(super) fn wait(
        &mut self,
        service: &ServiceName,
        until: WaitFor,
        required: bool,
        after: Vec<StepId>,
    ) -> Option<StepId> {
        let slots = self.slots_to_wait_for(service, until);
        if slots.is_empty() {
            return None;
        }
        let action = Action::Wait { service: service.clone(), slots, until, required };
        let same = self.plan.steps.iter().position(|step| step.action == action);
        Some(same.unwrap_or_else(|| self.plan.add(action, after)))
    }

    /// The places of a service that are not as wanted already.
    fn slots_to_wait_for(&self, service: &ServiceName, until: WaitFor) -> Vec<Slot> {
        let mut slots: BTreeSet<Slot> =
            self.plan.kept.keys().filter(|slot| slot.service == *service).cloned().collect();
        let created = self.plan.steps.iter().filter_map(|step| match &step.action {
            Action::Create { slot, .. } if slot.service == *service => Some(slot.clone()),
            _ => None,
        });
        slots.extend(created);
        if until != WaitFor::Healthy {
            slots.retain(|slot| !self.plan.completed.contains(slot));
        }
        slots.into_iter().collect()
    }
}
