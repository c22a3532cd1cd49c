//! Names of networks, volumes, secrets, configs and services that must exist; files that must be there.

use super::Checks;
use crate::model::{Attachment, FileObject, FileSource, MountKind, Project, Service, ServiceName};
use crate::report::Finding;
use crate::suggest::closest;
use std::collections::BTreeMap;

impl Checks<'_> {
    /// Dependencies must be services that are enabled. Those not required are dropped otherwise, with a warning when
    /// there is no such service at all.
    pub(super) fn dependencies(&self, project: &mut Project) {
        let known: Vec<ServiceName> = project.services.keys().cloned().collect();
        let mut services = std::mem::take(&mut project.services);
        for service in services.values_mut() {
            let missing: Vec<(ServiceName, bool)> = service
                .lifecycle
                .depends_on
                .iter()
                .filter(|(name, _)| !known.contains(name))
                .map(|(name, dependency)| (name.clone(), dependency.required))
                .collect();
            for (name, required) in missing {
                service.lifecycle.depends_on.remove(name.as_str());
                if !required && project.disabled_services.contains_key(name.as_str()) {
                    continue;
                }
                let finding = self.missing_dependency(project, &known, service, &name, required);
                self.report.add(finding);
            }
        }
        project.services = services;
    }

    fn missing_dependency(
        &self,
        project: &Project,
        known: &[ServiceName],
        service: &Service,
        name: &ServiceName,
        required: bool,
    ) -> Finding {
        let span = self.place_of_dependency(service, name);
        let disabled = project.disabled_services.get(name.as_str());
        let message = match disabled {
            Some(_) => format!("`{}` depends on `{name}`, which no active profile enables", service.name),
            None => format!("`{}` depends on `{name}`, which is not a service of this project", service.name),
        };
        let finding = if required { Finding::error(span, message) } else { Finding::warning(span, message) };
        let help = match disabled {
            Some(disabled) => {
                format!("activate it with `--profile {}`", disabled.profiles.join("` or `--profile "))
            }
            None => did_you_mean(name.as_str(), known.iter().map(ServiceName::as_str), "services"),
        };
        finding.help(help)
    }

    /// Where a service says that it needs another one, in whatever way.
    fn place_of_dependency(&self, service: &Service, name: &ServiceName) -> crate::source::Span {
        let key = ["depends_on", "links", "volumes_from", "network_mode", "ipc", "pid", "uts"]
            .into_iter()
            .find(|key| service.key_origins.contains_key(*key))
            .unwrap_or("depends_on");
        self.locator.of_service(service.name.as_str(), &[key, name.as_str()])
    }

    /// Every name that a service uses must be defined.
    pub(super) fn references(&self, project: &Project) {
        for service in project.services.values() {
            self.network_references(project, service);
            self.volume_references(project, service);
            self.file_references(project, service);
            self.build_references(project, service);
        }
    }

    /// A build may take files of the images of services that are built, too.
    fn build_references(&self, project: &Project, service: &Service) {
        let Some(build) = &service.build else { return };
        for (context, needed) in build.image_contexts() {
            let message = match project.services.get(needed) {
                Some(other) if other.build.is_some() || other.image.is_some() => continue,
                Some(_) => format!("the context `{context}` is of `{needed}`, which has no image"),
                None => format!(
                    "the context `{context}` is of `{needed}`, which is not a service of this project"
                ),
            };
            let path = ["build", "additional_contexts", context];
            let span = self.locator.of_service(service.name.as_str(), &path);
            let names = project.services.keys().map(ServiceName::as_str);
            self.report.add(Finding::error(span, message).help(did_you_mean(needed, names, "services")));
        }
    }

    fn undefined<'k>(
        &self,
        service: &Service,
        path: &[&str],
        kind: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let name = path.last().copied().unwrap_or_default();
        let span = self.locator.of_service(service.name.as_str(), path);
        let message = format!("`{}` uses the {kind} `{name}`, which is not defined", service.name);
        let known: Vec<&str> = known.collect();
        let near = closest(name, known.iter().copied());
        self.report.add(Finding::error(span, message).help(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add it at the top level: `{kind}s:` with the key `{name}:`"),
        }));
    }

    fn network_references(&self, project: &Project, service: &Service) {
        for (key, _) in service.networking.attachment.networks() {
            if !project.networks.contains_key(key.as_str()) {
                let known = project.networks.keys().map(AsRef::as_ref);
                self.undefined(service, &["networks", key.as_str()], "network", known);
            }
        }
        let shares =
            matches!(service.networking.attachment, Attachment::Service(_) | Attachment::Container(_));
        if shares && !service.networking.ports.is_empty() {
            let span = self.locator.of_service(service.name.as_str(), &["ports"]);
            let message =
                format!("`{}` publishes ports, but its network is another container's", service.name);
            self.report.add(
                Finding::error(span, message).help("publish the ports at the service whose network it is"),
            );
        }
        if matches!(service.networking.attachment, Attachment::Host | Attachment::None)
            && !service.networking.ports.is_empty()
        {
            let span = self.locator.of_service(service.name.as_str(), &["ports"]);
            let message =
                format!("`{}` publishes ports, which has no effect with this `network_mode`", service.name);
            self.report.add(Finding::warning(span, message).help("remove `ports`"));
        }
    }

    fn volume_references(&self, project: &Project, service: &Service) {
        for mount in &service.storage.mounts {
            if let MountKind::Volume(volume) = &mount.kind
                && let Some(key) = &volume.source
                && !project.volumes.contains_key(key.as_str())
            {
                let known = project.volumes.keys().map(AsRef::as_ref);
                self.undefined(service, &["volumes", key.as_str()], "volume", known);
            }
        }
    }

    fn file_references(&self, project: &Project, service: &Service) {
        let used = service.storage.secrets.iter().map(|r| ("secrets", r.source.as_str()));
        for (section, key) in used {
            self.file_reference(service, &[section, key], "secret", &project.secrets);
        }
        for reference in service.build.iter().flat_map(|build| &build.secrets) {
            self.file_reference(
                service,
                &["build", "secrets", reference.source.as_str()],
                "secret",
                &project.secrets,
            );
        }
        for reference in &service.storage.configs {
            self.file_reference(service, &["configs", reference.source.as_str()], "config", &project.configs);
        }
    }

    fn file_reference<K: Ord + AsRef<str> + std::borrow::Borrow<str>>(
        &self,
        service: &Service,
        path: &[&str],
        kind: &str,
        defined: &BTreeMap<K, FileObject>,
    ) {
        let name = path.last().copied().unwrap_or_default();
        let Some(object) = defined.get(name) else {
            self.undefined(service, path, kind, defined.keys().map(AsRef::as_ref));
            return;
        };
        let problem = match &object.source {
            FileSource::File(file) if !self.ignore_missing_files && !file.exists() => (
                format!("the file `{}` of the {kind} `{name}` is not there", file.display()),
                "make the file".to_owned(),
                "file",
            ),
            FileSource::Environment { variable, value: None } if !self.ignore_missing_files => (
                format!("the variable `{variable}` of the {kind} `{name}` is not set"),
                format!("set `{variable}` in the environment or in `.env`"),
                "environment",
            ),
            FileSource::External => (
                format!("the {kind} `{name}` is external, which is not supported yet"),
                "give it a `file` instead".to_owned(),
                "external",
            ),
            _ => return,
        };
        let (message, help, key) = problem;
        let span = self.locator.span(&[&format!("{kind}s"), name, key]);
        let used = self.locator.of_service(service.name.as_str(), path);
        self.report.add(Finding::error(span, message).related(used, "used here").help(help));
    }
}

/// A likely slip, or what there is.
pub(super) fn did_you_mean<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    match closest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the {what} are: {}", known.take(10).collect::<Vec<_>>().join(", ")),
    }
}
