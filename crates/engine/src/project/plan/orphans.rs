//! Containers of a project that it no longer describes.

use super::step::ContainerRef;
use crate::project::labels;
use crate::project::observed::{Observed, ObservedContainer};
use compose::model::{Project, ServiceName};

/// Containers of services that the project no longer has; those of `run` are not.
pub(super) fn orphans<'a>(project: &Project, observed: &'a Observed) -> Vec<&'a ObservedContainer> {
    let known =
        |name: &str| project.services.contains_key(name) || project.disabled_services.contains_key(name);
    let mut orphans: Vec<&ObservedContainer> = observed
        .containers
        .iter()
        .filter(|c| c.label(labels::PROJECT) == Some(project.name.as_str()))
        .filter(|c| !c.is_one_off() && !c.label(labels::SERVICE).is_some_and(known))
        .collect();
    orphans.sort_by(|a, b| a.name.cmp(&b.name));
    orphans
}

/// A container as steps name it.
pub(super) fn reference(container: &ObservedContainer) -> ContainerRef {
    ContainerRef {
        id: container.id.clone(),
        name: container.name.clone(),
        service: container.label(labels::SERVICE).and_then(|name| ServiceName::new(name).ok()),
    }
}
