//! The steps of `down`.

use super::orphans::{orphans, reference};
use super::step::{Action, Plan, StepId};
use crate::project::labels::{self, read_depends_on};
use crate::project::observed::{Observed, ObservedContainer};
use crate::project::options::{DownOptions, RemoveImages};
use compose::model::{Project, ProjectName};
use std::collections::{BTreeMap, BTreeSet};

/// The steps of `down`: dependents stop before what they depend on, everything else at the same time.
///
/// The project itself may be unknown (its files are gone): then what its labels say is removed.
pub fn plan_down(
    name: &ProjectName,
    project: Option<&Project>,
    observed: &Observed,
    options: &DownOptions,
) -> Plan {
    let planner = DownPlanner { name, project, observed, options };
    let mut plan = Plan::default();
    let removals = planner.containers(&mut plan);
    if options.services.is_empty() {
        planner.networks(&mut plan, &removals);
    }
    planner.volumes(&mut plan, &removals);
    planner.images(&mut plan, &removals);
    plan
}

struct DownPlanner<'a> {
    name: &'a ProjectName,
    project: Option<&'a Project>,
    observed: &'a Observed,
    options: &'a DownOptions,
}

/// The removal of each container, by its id.
type Removals<'a> = BTreeMap<&'a str, StepId>;

impl<'a> DownPlanner<'a> {
    /// The containers that go: of the services that were named, or of all; orphans only on request.
    fn going(&self) -> Vec<&'a ObservedContainer> {
        let kept: BTreeSet<&str> = match self.project {
            Some(project) if !self.options.remove_orphans => {
                orphans(project, self.observed).into_iter().map(|container| container.id.as_str()).collect()
            }
            _ => BTreeSet::new(),
        };
        let named = |container: &ObservedContainer| {
            let service = container.label(labels::SERVICE).unwrap_or_default();
            self.options.services.is_empty()
                || self.options.services.iter().any(|name| name.as_str() == service)
        };
        let mut going: Vec<&ObservedContainer> = self
            .observed
            .containers
            .iter()
            .filter(|c| c.label(labels::PROJECT) == Some(self.name.as_str()))
            .filter(|c| !kept.contains(c.id.as_str()) && named(c))
            .collect();
        going.sort_by(|a, b| a.name.cmp(&b.name));
        going
    }

    fn containers(&self, plan: &mut Plan) -> Removals<'a> {
        let going = dependents_first(self.going());
        let mut stops: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
        let mut removals = Removals::new();
        for container in going {
            let service = container.label(labels::SERVICE).unwrap_or_default();
            let after = stops.get(service).cloned().unwrap_or_default();
            let stopped = match container.state.is_alive() {
                true => vec![plan.add(Action::Stop { container: reference(container) }, after)],
                false => after,
            };
            for dependency in read_depends_on(container.label(labels::DEPENDS_ON).unwrap_or_default()) {
                stops.entry(dependency).or_default().extend(&stopped);
            }
            let volumes = self.options.volumes;
            let action = Action::Remove { container: reference(container), volumes };
            removals.insert(container.id.as_str(), plan.add(action, stopped));
        }
        removals
    }

    /// Networks go together at the end: removing several costs little more than removing one.
    fn networks(&self, plan: &mut Plan, removals: &Removals<'_>) {
        let mut going: Vec<&String> = Vec::new();
        let mut after: Vec<StepId> = Vec::new();
        for (name, network) in &self.observed.networks {
            if network.labels.get(labels::PROJECT).map(String::as_str) != Some(self.name.as_str()) {
                continue;
            }
            let on_it = || self.observed.containers.iter().filter(|c| c.networks.contains(name));
            let staying: Vec<&str> =
                on_it().filter(|c| !removals.contains_key(c.id.as_str())).map(|c| c.name.as_str()).collect();
            if !staying.is_empty() {
                plan.warnings.push(format!(
                    "the network `{name}` stays, because it is used by {}",
                    staying.join(", ")
                ));
                continue;
            }
            after.extend(on_it().filter_map(|c| removals.get(c.id.as_str())));
            going.push(name);
        }
        for name in going {
            plan.add(Action::RemoveNetwork { name: name.clone() }, after.clone());
        }
    }

    /// `--volumes`: those made for the project, never external ones.
    fn volumes(&self, plan: &mut Plan, removals: &Removals<'_>) {
        if !self.options.volumes || !self.options.services.is_empty() {
            return;
        }
        let external = |name: &str| {
            self.project.is_some_and(|project| {
                project.volumes.values().any(|volume| volume.external && volume.name == name)
            })
        };
        let all: Vec<StepId> = removals.values().copied().collect();
        for (name, volume) in &self.observed.volumes {
            let ours = volume.labels.get(labels::PROJECT).map(String::as_str) == Some(self.name.as_str());
            let named = volume.labels.contains_key(labels::VOLUME);
            if ours && named && !external(name) {
                plan.add(Action::RemoveVolume { name: name.clone() }, all.clone());
            }
        }
    }

    /// `--rmi`.
    fn images(&self, plan: &mut Plan, removals: &Removals<'_>) {
        let Some(project) = self.project else { return };
        let wanted = |service: &compose::model::Service| match self
            .options
            .remove_images()
            .unwrap_or(RemoveImages::None)
        {
            RemoveImages::None => false,
            RemoveImages::Local => service.build.is_some() && service.image.is_none(),
            RemoveImages::All => true,
        };
        let named = |service: &compose::model::Service| {
            self.options.services.is_empty()
                || self.options.services.iter().any(|name| name == service.name.as_str())
        };
        let services = project.services.values().chain(project.disabled_services.values());
        let images: BTreeSet<String> =
            services.filter(|s| wanted(s) && named(s)).map(|service| project.image_of(service)).collect();
        let all: Vec<StepId> = removals.values().copied().collect();
        for reference in images {
            if self.observed.images.contains_key(&reference) {
                plan.add(Action::RemoveImage { reference }, all.clone());
            }
        }
    }
}

/// Each container before those of the services that it depends on. What is cyclic stays in the order it came.
fn dependents_first(containers: Vec<&ObservedContainer>) -> Vec<&ObservedContainer> {
    let mut left = containers;
    let mut out = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let needed: BTreeSet<&str> = left
            .iter()
            .flat_map(|c| {
                let own = c.label(labels::SERVICE);
                let names = read_depends_on(c.label(labels::DEPENDS_ON).unwrap_or_default());
                names.filter(move |name| Some(*name) != own)
            })
            .collect();
        let free =
            |c: &&ObservedContainer| !c.label(labels::SERVICE).is_some_and(|name| needed.contains(name));
        let (mut now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(free);
        if now.is_empty() {
            out.extend(later);
            return out;
        }
        out.append(&mut now);
        left = later;
    }
    out
}
