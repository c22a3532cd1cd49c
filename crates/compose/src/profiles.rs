//! Which services are enabled.

use crate::model::{Service, ServiceName};
use crate::report::{Finding, Report};
use crate::suggest::closest;
use std::collections::{BTreeMap, BTreeSet};

/// The enabled ones of all services: those without profiles or of an active one, those that were named, and
/// what the named ones need.
pub(crate) fn enabled(
    services: &BTreeMap<ServiceName, &Service>,
    profiles: &[String],
    named: &[String],
    report: &Report,
) -> BTreeSet<ServiceName> {
    let is_active = |service: &Service| {
        service.profiles.is_empty()
            || profiles.iter().any(|active| active == "*" || service.profiles.contains(active))
    };
    let mut enabled: BTreeSet<ServiceName> =
        services.iter().filter(|(_, service)| is_active(service)).map(|(name, _)| name.clone()).collect();
    for name in named {
        match services.get_key_value(name.as_str()) {
            Some((name, _)) => enable_with_dependencies(name, services, &mut enabled),
            None => unknown(name, services, report),
        }
    }
    enabled
}

fn enable_with_dependencies(
    name: &ServiceName,
    services: &BTreeMap<ServiceName, &Service>,
    enabled: &mut BTreeSet<ServiceName>,
) {
    let mut seen = BTreeSet::new();
    let mut todo = vec![name];
    while let Some(name) = todo.pop() {
        if !seen.insert(name) {
            continue;
        }
        enabled.insert(name.clone());
        if let Some(service) = services.get(name.as_str()) {
            let needed = service.lifecycle.depends_on.iter().filter(|(_, dependency)| dependency.required);
            todo.extend(needed.map(|(name, _)| name).filter(|name| services.contains_key(name.as_str())));
        }
    }
}

fn unknown(name: &str, services: &BTreeMap<ServiceName, &Service>, report: &Report) {
    let names = || services.keys().map(ServiceName::as_str);
    let finding = Finding::error_without_place(format!("there is no service `{name}` in this project"));
    report.add(match closest(name, names()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("the services are: {}", names().collect::<Vec<_>>().join(", "))),
    });
}
