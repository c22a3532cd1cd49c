//! What this host offers, and what will be missing.

use crate::{Engine, error::EngineError};
use serde::{Deserialize, Serialize};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `kernel`, `cgroups`, `network`, `storage`, `security`, `tools`.
    pub area: String,
    /// What was looked at.
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What will be missing, and what to do about it; empty when nothing is.
    pub consequence: String,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All there.
    Good,
    /// Berth works with a loss.
    Degraded,
    /// Berth does not work without it.
    Missing,
}

/// Looks at this host; needs no engine.
pub fn examine() -> Vec<Finding> {
    Vec::new()
}

impl Engine {
    /// Looks at this host.
    pub async fn doctor(&self) -> Result<Vec<Finding>, EngineError> {
        self.blocking(|_| Ok(examine())).await
    }
}
