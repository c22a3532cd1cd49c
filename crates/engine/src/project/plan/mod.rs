//! From a project and what there is to the steps that make it true.
//!
//! # Guarantees
//! - a plan made again after all its steps were taken is empty;
//! - a plan made again after any part of its steps was taken has the rest of them, and ends in the same state;
//! - a step comes after all those it needs, and steps that do not need one another may be taken at the same time.
//!
//! # Assumptions
//! Images are there: they are built before (see [`images`]), because whether a container is up to date depends on
//! the image that comes out.

mod decide;
mod dependencies;
mod down;
pub mod images;
mod leftovers;
mod order;
mod orphans;
mod resources;
mod step;
mod up;

pub(super) use decide::container_name;
pub use dependencies::touched_services;
pub use down::plan_down;
pub use step::{Action, ContainerRef, Plan, Slot, Step, StepId, WaitFor};

#[cfg(test)]
mod tests;

use super::observed::Observed;
use super::options::UpOptions;
use compose::model::{NetworkKey, Project, ServiceName, VolumeKey};

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A service was named that the project does not have.
    #[error("the project `{project}` has no service `{service}`")]
    UnknownService {
        /// The project.
        project: String,
        /// The service.
        service: String,
    },
    /// A network that must exist does not.
    #[error(
        "the network `{name}` is external, and does not exist; make it with `berth network create {name}`"
    )]
    MissingNetwork {
        /// Its key.
        key: NetworkKey,
        /// Its name.
        name: String,
    },
    /// A network of this name exists and belongs to something else.
    #[error(
        "the network `{name}` exists, but does not belong to the project `{project}`; declare it as `external: true`, or rename it"
    )]
    ForeignNetwork {
        /// Its name.
        name: String,
        /// The project.
        project: String,
    },
    /// A volume that must exist does not.
    #[error("the volume `{name}` is external, and does not exist; make it with `berth volume create {name}`")]
    MissingVolume {
        /// Its key.
        key: VolumeKey,
        /// Its name.
        name: String,
    },
    /// A fixed name or address is for one container.
    #[error(
        "`{service}` cannot run {replicas} containers, because its {what} is fixed; remove that, or run one"
    )]
    CannotScale {
        /// The service.
        service: ServiceName,
        /// How many were asked for.
        replicas: u32,
        /// What is fixed.
        what: &'static str,
    },
}

/// The steps of `up`.
///
/// # Errors
/// Every [`PlanError`] there is.
pub fn plan(project: &Project, observed: &Observed, options: &UpOptions) -> Result<Plan, Vec<PlanError>> {
    up::Planner::new(project, observed, options)?.plan()
}

/// The steps before a container of `run` can be made: networks, volumes and dependencies of the services that are
/// named, whose own containers are left alone.
///
/// # Errors
/// Every [`PlanError`] there is.
pub fn plan_run(project: &Project, observed: &Observed, options: &UpOptions) -> Result<Plan, Vec<PlanError>> {
    up::Planner::new(project, observed, options)?.only_dependencies().plan()
}
