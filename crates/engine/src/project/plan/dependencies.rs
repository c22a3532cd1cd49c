//! Which services are touched, and in which order.

use super::PlanError;
use crate::project::options::UpOptions;
use compose::model::{Project, Service, ServiceName};
use std::collections::BTreeSet;

/// The services that `up` touches: each after those it depends on, and otherwise by name.
///
/// # Errors
/// Services that the project does not have.
pub fn touched_services(project: &Project, options: &UpOptions) -> Result<Vec<ServiceName>, Vec<PlanError>> {
    let named = options.services.iter().chain(options.scale.keys());
    let unknown: Vec<PlanError> = named
        .filter(|name| !project.services.contains_key(name.as_str()))
        .map(|name| PlanError::UnknownService { project: project.name.to_string(), service: name.clone() })
        .collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let mut wanted: BTreeSet<&ServiceName> = match options.services.as_slice() {
        [] => project.services.keys().collect(),
        named => {
            named.iter().filter_map(|name| Some(project.services.get_key_value(name.as_str())?.0)).collect()
        }
    };
    if !options.no_deps {
        let mut todo: Vec<&ServiceName> = wanted.iter().copied().collect();
        while let Some(name) = todo.pop() {
            let fresh = dependencies(project, name.as_str()).filter(|dependency| wanted.insert(dependency));
            todo.extend(fresh.collect::<Vec<_>>());
        }
    }
    Ok(in_order(project, &wanted))
}

/// All services, each after those it depends on.
pub(super) fn all_in_order(project: &Project) -> impl Iterator<Item = &Service> {
    let order = in_order(project, &project.services.keys().collect());
    order.into_iter().filter_map(|name| project.services.get(name.as_str()))
}

fn dependencies<'a>(project: &'a Project, name: &str) -> impl Iterator<Item = &'a ServiceName> {
    let service = project.services.get(name);
    let names = service.into_iter().flat_map(|service| service.lifecycle.depends_on.keys());
    names.filter(|name| project.services.contains_key(name.as_str()))
}

/// Each service after those it depends on. A cycle, which the loader refuses, is cut at some place.
fn in_order(project: &Project, wanted: &BTreeSet<&ServiceName>) -> Vec<ServiceName> {
    let mut order: Vec<ServiceName> = Vec::new();
    let mut seen: BTreeSet<&ServiceName> = BTreeSet::new();
    for start in wanted {
        // The way down, each with what is still to be looked at.
        let mut way = vec![(*start, dependencies(project, start.as_str()).collect::<Vec<_>>())];
        if !seen.insert(start) {
            continue;
        }
        while let Some((name, todo)) = way.last_mut() {
            match todo.pop() {
                Some(next) if wanted.contains(next) && seen.insert(next) => {
                    way.push((next, dependencies(project, next.as_str()).collect()));
                }
                Some(_) => {}
                None => {
                    order.push((*name).clone());
                    way.pop();
                }
            }
        }
    }
    order
}
