//! Whole projects: what is asked of them and what is told meanwhile.

use crate::{Engine, error::EngineError, feed::Feed, op::Problem};
use compose::model::{Project, ProjectName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which projects are being worked on.
#[derive(Debug, Default)]
pub(crate) struct Locks {}

/// How a project is brought up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpOptions {
    /// Build images that have a `build` section also when they are there.
    pub build: bool,
    /// Never build.
    pub no_build: bool,
    /// Make every container anew.
    pub force_recreate: bool,
    /// Keep containers whose service has changed.
    pub no_recreate: bool,
    /// Leave the services that the chosen ones depend on alone.
    pub no_deps: bool,
    /// Remove containers of services that the project does not have any more.
    pub remove_orphans: bool,
    /// Make containers but do not start them.
    pub no_start: bool,
    /// Number of containers by service, instead of the file's.
    pub scale: BTreeMap<String, u32>,
    /// Wait until everything runs and is healthy.
    pub wait: bool,
    /// Bound of that wait in seconds.
    pub wait_timeout_s: Option<u64>,
    /// Only these services (and what they depend on); empty is all.
    pub services: Vec<String>,
    /// Seconds between stop signal and SIGKILL for containers that are replaced.
    pub timeout_s: Option<i64>,
}

/// How a project is taken down.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DownOptions {
    /// Remove its volumes too.
    pub volumes: bool,
    /// Remove images: `all`, or `local` for those without a name of their own.
    pub rmi: Option<String>,
    /// Seconds between stop signal and SIGKILL.
    pub timeout_s: Option<i64>,
    /// Remove containers of services that the project does not have any more.
    pub remove_orphans: bool,
    /// Only these services.
    pub services: Vec<String>,
}

/// What is told while a project changes. The last one is `Done` or `Failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ProgressEvent {
    /// A resource changes.
    Step {
        /// `container`, `network`, `volume`, `image`.
        kind: String,
        /// Its name.
        name: String,
        /// `creating`, `created`, `starting`, `started`, `waiting`, `healthy`, `exited`, `stopping`, `stopped`, `removing`,
        /// `removed`, `building`, `built`, `running`, `failed`.
        state: String,
        /// What is to be said about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Output of a build.
    Build {
        /// The service that is built.
        service: String,
        /// What the builder tells.
        build: build::BuildEvent,
    },
    /// Something that does not keep the work from going on.
    Warning {
        /// What.
        warning: String,
    },
    /// It is done.
    Done {
        /// Always true.
        done: bool,
    },
    /// It failed; what runs goes on running.
    Failed {
        /// Why.
        error: Problem,
    },
}

/// A project as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectSummary {
    /// Its name.
    pub name: String,
    /// Number of its containers by what they do.
    pub status: BTreeMap<String, usize>,
    /// The compose files it was brought up from.
    pub config_files: String,
}

impl Engine {
    /// Makes the host look as the project says.
    pub async fn project_up(
        &self,
        project: Project,
        options: UpOptions,
    ) -> Result<Feed<ProgressEvent>, EngineError> {
        let _ = (project, options);
        Err(EngineError::NotImplemented("projects are not run yet".to_owned()))
    }

    /// Removes what belongs to a project. Without the project itself its labels say what that is.
    pub async fn project_down(
        &self,
        name: ProjectName,
        project: Option<Project>,
        options: DownOptions,
    ) -> Result<Feed<ProgressEvent>, EngineError> {
        let _ = (name, project, options);
        Err(EngineError::NotImplemented("projects are not run yet".to_owned()))
    }

    /// The projects that have containers.
    pub async fn projects(&self) -> Result<Vec<ProjectSummary>, EngineError> {
        Ok(Vec::new())
    }
}
