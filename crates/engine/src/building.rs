//! Builds with real containers.

use crate::{Engine, error::EngineError, feed::Feed, op::Problem};
use ::build::{BuildEvent, BuildRequest};
use serde::Serialize;

/// What a build tells: the builder's events, and its failure if it fails.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum BuildProgress {
    /// What the builder tells.
    Event(BuildEvent),
    /// It failed.
    Failed {
        /// Why.
        error: Problem,
    },
}

impl Engine {
    /// Builds an image from a directory of this host. A client that goes away cancels the build.
    pub async fn build(&self, request: BuildRequest) -> Result<Feed<BuildProgress>, EngineError> {
        let _ = request;
        Err(EngineError::NotImplemented("builds are not run yet".to_owned()))
    }
}
