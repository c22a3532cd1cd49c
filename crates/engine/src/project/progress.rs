//! What is told while a project is brought up or down.

use crate::op::{Problem, ProgressDetail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
        /// `creating`, `created`, `recreating`, `recreated`, `starting`, `started`, `running` (and up to date), `completed`
        /// (ran before and need not run again), `waiting`, `healthy`, `exited`, `stopping`, `stopped`, `removing`, `removed`,
        /// `building`, `built`, `pulling`, `pulled`, `connecting`, `connected`, `disconnecting`, `disconnected`, `failed`, `skipped` (something that it needs failed).
        state: String,
        /// What is to be said about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// How far it is; the same state is told again as it goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<ProgressDetail>,
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
    /// The container that `run` made.
    Container {
        /// Its id.
        container: String,
        /// Its name.
        name: String,
    },
    /// It is done.
    Done {
        /// Always true.
        done: bool,
    },
    /// It failed; what runs goes on running. Doing it again goes on from there.
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
