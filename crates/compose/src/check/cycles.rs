//! Services that wait for one another.

use super::Checks;
use crate::model::{Project, ServiceName};
use crate::report::Finding;
use std::collections::BTreeSet;

impl Checks<'_> {
    /// Every cycle is told once.
    pub(super) fn cycles(&self, project: &Project) {
        let waits = |name: &ServiceName| -> Vec<&ServiceName> {
            let service = project.services.get(name.as_str());
            service.map(|service| service.lifecycle.depends_on.keys().collect()).unwrap_or_default()
        };
        each_cycle(project, &waits, &mut |cycle| self.report_cycle(project, cycle));
        let takes = |name: &ServiceName| -> Vec<&ServiceName> {
            let build = project.services.get(name.as_str()).and_then(|service| service.build.as_ref());
            let needed = build.into_iter().flat_map(|build| build.image_contexts());
            needed.filter_map(|(_, name)| Some(project.services.get_key_value(name)?.0)).collect()
        };
        each_cycle(project, &takes, &mut |cycle| self.report_builds(cycle));
    }

    fn report_cycle(&self, project: &Project, cycle: &[&ServiceName]) {
        let Some((first, second)) = cycle.first().zip(cycle.get(1).or(cycle.first())) else { return };
        let key = project
            .services
            .get(first.as_str())
            .filter(|service| service.key_origins.contains_key("depends_on"))
            .map_or("links", |_| "depends_on");
        let span = self.locator.of_service(first.as_str(), &[key, second.as_str()]);
        let message = format!("these services wait for one another: {}", way(cycle));
        self.report.add(Finding::error(span, message).help("remove one of these dependencies"));
    }

    fn report_builds(&self, cycle: &[&ServiceName]) {
        let Some(first) = cycle.first() else { return };
        let span = self.locator.of_service(first.as_str(), &["build", "additional_contexts"]);
        let message = format!("the builds of these services need one another's image: {}", way(cycle));
        self.report.add(Finding::error(span, message).help("remove one of these contexts"));
    }
}

fn way(cycle: &[&ServiceName]) -> String {
    let names: Vec<&str> = cycle.iter().chain(cycle.first()).map(|name| name.as_str()).collect();
    names.join(" → ")
}

type Needs<'n, 'a> = dyn Fn(&ServiceName) -> Vec<&'a ServiceName> + 'n;

fn each_cycle<'a>(project: &'a Project, needs: &Needs<'_, 'a>, found: &mut dyn FnMut(&[&'a ServiceName])) {
    let mut done: BTreeSet<&ServiceName> = BTreeSet::new();
    for start in project.services.keys() {
        if let Some(cycle) = find_cycle(start, needs, &mut done) {
            found(&cycle);
        }
    }
}

/// A cycle that can be reached from `start` over services that were not looked at before.
fn find_cycle<'a>(
    start: &'a ServiceName,
    needs: &Needs<'_, 'a>,
    done: &mut BTreeSet<&'a ServiceName>,
) -> Option<Vec<&'a ServiceName>> {
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
