//! Networks and volumes of a plan.

use super::PlanError;
use super::step::{Action, Plan, StepId};
use crate::project::labels;
use crate::project::observed::Observed;
use compose::model::{MountKind, NetworkKey, Project, Service, VolumeKey};
use std::collections::{BTreeMap, BTreeSet};

/// What happens to the networks.
#[derive(Debug, Default)]
pub(super) struct Networks {
    /// Networks to make.
    pub(super) create: Vec<NetworkKey>,
    /// Networks that are made anew, because they are not as the project says.
    pub(super) replace: BTreeSet<NetworkKey>,
}

impl Networks {
    /// Decides for the networks of the services.
    pub(super) fn decide(
        project: &Project,
        observed: &Observed,
        services: &[&Service],
        errors: &mut Vec<PlanError>,
    ) -> Self {
        let used: BTreeSet<&NetworkKey> =
            services.iter().flat_map(|s| s.networking.attachment.networks().map(|(key, _)| key)).collect();
        let mut out = Self::default();
        for key in used {
            let Some(network) = project.networks.get(key.as_str()) else { continue };
            let there = observed.networks.get(&network.name);
            match there {
                None if network.external => {
                    errors.push(PlanError::MissingNetwork { key: key.clone(), name: network.name.clone() });
                }
                None => out.create.push(key.clone()),
                Some(_) if network.external => {}
                Some(there)
                    if there.labels.get(labels::PROJECT).map(String::as_str)
                        != Some(project.name.as_str()) =>
                {
                    let project = project.name.to_string();
                    errors.push(PlanError::ForeignNetwork { name: network.name.clone(), project });
                }
                Some(there) => {
                    let hash = compose::network_hash(network);
                    if there.labels.get(labels::CONFIG_HASH).is_some_and(|given| *given != hash) {
                        out.replace.insert(key.clone());
                    }
                }
            }
        }
        out
    }

    /// Whether a network of the service is made anew.
    pub(super) fn is_replaced_for(&self, service: &Service) -> bool {
        service.networking.attachment.networks().any(|(key, _)| self.replace.contains(key))
    }
}

/// Adds the volumes of the services to the plan; returns the steps that make them.
pub(super) fn volumes(
    project: &Project,
    observed: &Observed,
    services: &[&Service],
    plan: &mut Plan,
    errors: &mut Vec<PlanError>,
) -> BTreeMap<VolumeKey, StepId> {
    let mut steps = BTreeMap::new();
    let used: BTreeSet<&VolumeKey> = services.iter().flat_map(|service| volumes_of(service)).collect();
    for key in used {
        let Some(volume) = project.volumes.get(key.as_str()) else { continue };
        match observed.volumes.get(&volume.name) {
            None if volume.external => {
                errors.push(PlanError::MissingVolume { key: key.clone(), name: volume.name.clone() });
            }
            None => {
                let action = Action::CreateVolume { key: key.clone(), name: volume.name.clone() };
                steps.insert(key.clone(), plan.add(action, []));
            }
            Some(_) if volume.external => {}
            Some(there) => {
                let owner = there.labels.get(labels::PROJECT).map(String::as_str);
                let hash = there.labels.get(labels::CONFIG_HASH);
                if owner != Some(project.name.as_str()) {
                    plan.warnings.push(format!(
                        "the volume `{}` was not made for this project, and is used as it is; declare it as `external: true`",
                        volume.name
                    ));
                } else if hash.is_some_and(|hash| *hash != compose::volume_hash(volume)) {
                    plan.warnings.push(format!(
                        "the volume `{}` is not as the project says, and is used as it is; `down -v` removes it with its data",
                        volume.name
                    ));
                }
            }
        }
    }
    steps
}

/// The project's volumes that a service mounts.
pub(super) fn volumes_of(service: &Service) -> impl Iterator<Item = &VolumeKey> {
    service.storage.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Volume(volume) => volume.source.as_ref(),
        _ => None,
    })
}
