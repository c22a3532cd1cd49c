//! Networks that are made, and those that are made anew with all that is on them.

use super::super::decide::{Decision, Fate};
use super::super::orphans::{orphans, reference};
use super::super::resources::Networks;
use super::super::step::{Action, StepId};
use super::{Made, Planner};
use crate::project::observed::ObservedContainer;
use compose::model::{NetworkKey, ServiceName};
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Planner<'a> {
    pub(super) fn create_networks(&mut self, networks: &Networks, made: &mut Made) {
        for key in &networks.create {
            let step = self.create_network(key, []);
            made.networks.extend(step.map(|step| (key.clone(), step)));
        }
    }

    fn create_network(
        &mut self,
        key: &NetworkKey,
        after: impl IntoIterator<Item = StepId>,
    ) -> Option<StepId> {
        let network = self.project.networks.get(key.as_str())?;
        Some(self.plan.add(Action::CreateNetwork { key: key.clone(), name: network.name.clone() }, after))
    }

    /// Makes networks anew. What is made anew itself is removed before; whatever else is on them, of the project or not,
    /// leaves them and joins them again.
    pub(super) fn replace_networks(
        &mut self,
        networks: &Networks,
        decisions: &BTreeMap<ServiceName, Decision<'a>>,
        made: &mut Made,
    ) {
        if networks.replace.is_empty() {
            return;
        }
        let names: BTreeSet<&str> = networks
            .replace
            .iter()
            .filter_map(|key| self.project.networks.get(key.as_str()))
            .map(|network| network.name.as_str())
            .collect();
        let is_on = |container: &ObservedContainer| {
            container.networks.iter().any(|network| names.contains(network.as_str()))
        };
        self.remove_replaced(networks, decisions, &is_on, made);
        if self.options.remove_orphans {
            for orphan in orphans(self.project, self.observed).into_iter().filter(|orphan| is_on(orphan)) {
                let step = self.remove(orphan, true, Vec::new());
                self.note_off_network(orphan, step, made);
            }
        }
        for key in &networks.replace {
            self.replace_network(key, made);
        }
    }

    /// Removes the old containers of places that are made anew, if they are on networks that are made anew.
    fn remove_replaced(
        &mut self,
        networks: &Networks,
        decisions: &BTreeMap<ServiceName, Decision<'a>>,
        is_on: &dyn Fn(&ObservedContainer) -> bool,
        made: &mut Made,
    ) {
        for service in self.services.clone() {
            let Some(decision) = decisions.get(service.name.as_str()) else { continue };
            for place in decision.places.iter().filter(|place| place.fate == Fate::Replace) {
                let goes = |old: &&ObservedContainer| networks.is_replaced_for(service) || is_on(old);
                let Some(container) = place.container.filter(goes) else { continue };
                let before = made.stops_before.get(service.name.as_str()).cloned().unwrap_or_default();
                let step = self.remove(container, self.options.renew_anon_volumes, before);
                made.removed.insert(place.slot.clone(), step);
                self.note_off_network(container, step, made);
            }
        }
    }

    fn replace_network(&mut self, key: &NetworkKey, made: &mut Made) {
        let (project, observed) = (self.project, self.observed);
        let Some(network) = project.networks.get(key.as_str()) else { return };
        let mut after = made.off_network.get(key).cloned().unwrap_or_default();
        let on_it = observed.containers.iter().filter(|c| c.networks.contains(&network.name));
        let staying: Vec<_> = on_it.filter(|c| !self.plan.removes(&c.id)).map(reference).collect();
        for container in &staying {
            let action = Action::Leave { container: container.clone(), network: network.name.clone() };
            after.push(self.plan.add(action, []));
        }
        let removed = self.plan.add(Action::RemoveNetwork { name: network.name.clone() }, after);
        let Some(created) = self.create_network(key, [removed]) else { return };
        made.networks.insert(key.clone(), created);
        for container in staying {
            self.plan.add(Action::Rejoin { container, network: network.name.clone() }, [created]);
        }
    }

    pub(super) fn note_off_network(&self, container: &ObservedContainer, step: StepId, made: &mut Made) {
        for (key, network) in &self.project.networks {
            if container.networks.contains(&network.name) {
                made.off_network.entry(key.clone()).or_default().push(step);
            }
        }
    }
}
