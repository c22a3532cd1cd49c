//! Services that wait for one another.

use super::Checks;
use crate::model::{Project, ServiceName};
use crate::report::Finding;
use std::collections::BTreeSet;

impl Checks<'_> {
    /// Every cycle is told once.
    pub(super) fn cycles(&self, project: &Project) {
        let mut done: BTreeSet<&ServiceName> = BTreeSet::new();
        for start in project.services.keys() {
            if let Some(cycle) = find_cycle(project, start, &mut done) {
                self.report_cycle(project, &cycle);
            }
        }
    }

    fn report_cycle(&self, project: &Project, cycle: &[&ServiceName]) {
        let Some((first, second)) = cycle.first().zip(cycle.get(1).or(cycle.first())) else { return };
        let names: Vec<&str> = cycle.iter().chain([first]).map(|name| name.as_str()).collect();
        let key = project
            .services
            .get(first.as_str())
            .filter(|service| service.key_origins.contains_key("depends_on"))
            .map_or("links", |_| "depends_on");
        let span = self.locator.of_service(first.as_str(), &[key, second.as_str()]);
        let message = format!("these services wait for one another: {}", names.join(" → "));
        self.report.add(Finding::error(span, message).help("remove one of these dependencies"));
    }
}

/// A cycle that can be reached from `start` over services that were not looked at before.
fn find_cycle<'a>(
    project: &'a Project,
    start: &'a ServiceName,
    done: &mut BTreeSet<&'a ServiceName>,
) -> Option<Vec<&'a ServiceName>> {
    let needs = |name: &ServiceName| -> Vec<&'a ServiceName> {
        project
            .services
            .get(name.as_str())
            .map(|s| s.lifecycle.depends_on.keys().collect())
            .unwrap_or_default()
    };
    // The way from `start`, each with those of its dependencies that are still to be looked at.
    let mut way: Vec<(&ServiceName, Vec<&ServiceName>)> = vec![(start, needs(start))];
    if !done.insert(start) {
        return None;
    }
    while let Some((_, todo)) = way.last_mut() {
        let Some(next) = todo.pop() else {
            way.pop();
            continue;
        };
        if let Some(from) = way.iter().position(|(name, _)| *name == next) {
            return Some(way[from..].iter().map(|(name, _)| *name).collect());
        }
        if done.insert(next) {
            way.push((next, needs(next)));
        }
    }
    None
}
