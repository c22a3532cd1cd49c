//! Things that can exist only once.

use super::Checks;
use crate::model::{Project, Service};
use crate::report::Finding;
use std::collections::BTreeMap;

impl Checks<'_> {
    /// Container names must be unique.
    pub(super) fn names(&self, project: &Project) {
        let mut taken: BTreeMap<&str, &Service> = BTreeMap::new();
        for service in project.services.values() {
            let Some(name) = &service.container_name else { continue };
            let span = self.locator.of_service(service.name.as_str(), &["container_name"]);
            if service.replicas > 1 {
                let message = format!(
                    "`{}` has the fixed container name `{name}`, but {} replicas",
                    service.name, service.replicas
                );
                self.report
                    .add(Finding::error(span, message).help("remove `container_name`, or run one replica"));
            }
            if let Some(other) = taken.insert(name, service) {
                let first = self.locator.of_service(other.name.as_str(), &["container_name"]);
                let message =
                    format!("`{}` and `{}` have the same container name `{name}`", other.name, service.name);
                self.report.add(
                    Finding::error(span, message).related(first, "first here").help("rename one of them"),
                );
            }
        }
    }

    /// One path of a container can hold one mount.
    pub(super) fn mounts(&self, project: &Project) {
        for service in project.services.values() {
            let storage = &service.storage;
            let targets = storage
                .mounts
                .iter()
                .map(|mount| ("volumes", mount.target.as_str()))
                .chain(storage.tmpfs.iter().map(|tmpfs| ("tmpfs", tmpfs.target.as_str())))
                .chain(storage.secrets.iter().map(|secret| ("secrets", secret.target.as_str())))
                .chain(storage.configs.iter().map(|config| ("configs", config.target.as_str())));
            let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
            for (key, target) in targets {
                if let Some(first) = taken.insert(target, key) {
                    let span = self.locator.of_service(service.name.as_str(), &[key]);
                    let message =
                        format!("`{}` mounts two things at `{target}` (`{first}` and `{key}`)", service.name);
                    self.report
                        .add(Finding::error(span, message).help("remove one, or give it another target"));
                }
            }
        }
    }
}
