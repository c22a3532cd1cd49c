//! What this host offers, and what will be missing.
//!
//! Each area gathers facts (effects; what is tried leaves nothing behind) and judges them (pure). [`examine`] looks at
//! everything; an engine that starts looks at what costs nothing and puts what is amiss into its log and its
//! information, see [`warnings`].

mod cgroups;
mod host;
mod kernel;
mod network;
mod security;
mod storage;

use crate::{Engine, error::EngineError};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `kernel`, `cgroups`, `storage`, `security`, `network`, `host`.
    pub area: String,
    /// What was looked at.
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What follows from it; empty when nothing is missing.
    pub consequence: String,
    /// How to mend it; empty when nothing is missing or nothing can be done.
    pub remedy: String,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All there.
    Good,
    /// Berth works with a loss.
    Degraded,
    /// Berth does not work without it.
    Missing,
}

impl Finding {
    fn good(area: &str, subject: &str, found: impl Into<String>) -> Self {
        Self {
            area: area.to_owned(),
            subject: subject.to_owned(),
            verdict: Verdict::Good,
            found: found.into(),
            consequence: String::new(),
            remedy: String::new(),
        }
    }

    fn degraded(self, consequence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Degraded, consequence: consequence.into(), remedy: remedy.into(), ..self }
    }

    fn missing(self, consequence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Missing, ..self.degraded(consequence, remedy) }
    }

    /// The finding in one line, for logs.
    fn line(&self) -> String {
        let mut line = format!("{}: {}", self.subject, self.found);
        for part in [&self.consequence, &self.remedy] {
            if !part.is_empty() {
                line.push_str("; ");
                line.push_str(part);
            }
        }
        line
    }
}

/// Looks at everything, with trials: an overlay in `root`, or in the closest directory above that is there; a control
/// group; a network in a namespace of its own. Needs no engine.
///
/// `run` is the runtime directory.
pub fn examine(root: &Path, run: &Path) -> Vec<Finding> {
    let mut findings = kernel::judge(&kernel::Facts::gather());
    findings.extend(cgroups::judge(&cgroups::Facts::gather()));
    findings.extend(storage::judge(&storage::Facts::gather(root, run)));
    findings.extend(security::judge(&security::Facts::gather()));
    findings.extend(network::findings());
    findings.extend(host::judge(&host::Facts::gather()));
    findings
}

/// What is amiss, one line each, by what can be seen without trying anything.
pub(crate) fn warnings() -> Vec<String> {
    let mut findings = kernel::judge(&kernel::Facts::gather());
    findings.extend(cgroups::judge(&cgroups::Facts::seen()));
    findings.extend(security::judge(&security::Facts::gather()));
    findings.iter().filter(|finding| finding.verdict != Verdict::Good).map(Finding::line).collect()
}

impl Engine {
    /// Looks at this host.
    pub async fn doctor(&self) -> Result<Vec<Finding>, EngineError> {
        self.blocking(|engine| Ok(examine(&engine.inner.config.root, &engine.inner.config.run))).await
    }
}

/// Joins names for a sentence.
fn list<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_says_what_why_and_what_to_do() {
        let finding = Finding::good("cgroups", "memory", "not there");
        assert_eq!(finding.line(), "memory: not there");
        let finding = finding.degraded("--memory does nothing", "boot with cgroup_enable=memory");
        assert_eq!(
            finding.line(),
            "memory: not there; --memory does nothing; boot with cgroup_enable=memory"
        );
    }
}
