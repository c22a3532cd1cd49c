//! Steps that must follow others because of what these give back: ports, addresses and names of the host.

use super::step::{Action, Plan, Step, StepId};
use crate::project::observed::{Observed, ObservedContainer};
use crate::project::preflight::{clash, fixed_ports};
use compose::model::{Project, Service};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Lets each start follow the stops of containers that hold what it needs, and sorts the steps again.
pub(super) fn after_what_gives_way(plan: &mut Plan, project: &Project, observed: &Observed) {
    for id in 0..plan.steps.len() {
        let Action::Start { slot, .. } = &plan.steps[id].action else { continue };
        let Some(service) = project.services.get(slot.service.as_str()) else { continue };
        for other in holders(plan, project, observed, service) {
            if !reaches(plan, other, id) && !plan.steps[id].after.contains(&other) {
                plan.steps[id].after.push(other);
            }
        }
    }
    sort(plan);
}

/// Steps that stop or remove a container which holds a port or an address that the service needs.
fn holders(plan: &Plan, project: &Project, observed: &Observed, service: &Service) -> Vec<StepId> {
    let holds = |container: &ObservedContainer| {
        let port = fixed_ports(service)
            .any(|(_, wanted)| container.published.iter().any(|held| clash(held, wanted)));
        port || fixed_addresses(project, service).any(|(network, address)| {
            container.addresses.get(network).is_some_and(|held| held.contains(&address))
        })
    };
    let is_holder = |id: &str| observed.containers.iter().any(|c| c.id == id && holds(c));
    plan.steps
        .iter()
        .enumerate()
        .filter(|(_, step)| match &step.action {
            Action::Stop { container } | Action::Remove { container, .. } => is_holder(&container.id),
            _ => false,
        })
        .map(|(id, _)| id)
        .collect()
}

fn fixed_addresses<'a>(
    project: &'a Project,
    service: &'a Service,
) -> impl Iterator<Item = (&'a str, IpAddr)> {
    service.networking.attachment.networks().flat_map(|(key, attachment)| {
        let network = project.networks.get(key.as_str()).map(|network| network.name.as_str());
        let v4 = attachment.ipv4_address.map(IpAddr::V4);
        let v6 = attachment.ipv6_address.map(IpAddr::V6);
        network
            .into_iter()
            .flat_map(move |network| v4.into_iter().chain(v6).map(move |address| (network, address)))
    })
}

/// Whether `from` comes after `to`, directly or over others.
fn reaches(plan: &Plan, from: StepId, to: StepId) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(id) = todo.pop() {
        if id == to {
            return true;
        }
        if seen.insert(id) {
            todo.extend(&plan.steps[id].after);
        }
    }
    false
}

/// Brings the steps into an order in which each comes after all those it needs; otherwise as they were made.
fn sort(plan: &mut Plan) {
    let count = plan.steps.len();
    let mut position: Vec<Option<StepId>> = vec![None; count];
    let mut order: Vec<StepId> = Vec::with_capacity(count);
    while order.len() < count {
        let is_free = |id: &StepId| {
            position[*id].is_none() && plan.steps[*id].after.iter().all(|a| position[*a].is_some())
        };
        let Some(next) = (0..count).find(is_free) else { return };
        position[next] = Some(order.len());
        order.push(next);
    }
    let moved = |id: &StepId| position[*id].unwrap_or(*id);
    let steps = order.iter().map(|id| {
        let step = &plan.steps[*id];
        let mut after: Vec<StepId> = step.after.iter().map(moved).collect();
        after.sort_unstable();
        Step { action: step.action.clone(), after }
    });
    plan.steps = steps.collect();
}
