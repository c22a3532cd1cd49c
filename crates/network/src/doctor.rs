//! What this kernel offers for networks, and what will be missing.

use serde::Serialize;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What was looked at: `nf_tables`, `nat`, `bridge`, `veth`, `ip_forward`, `ipv6`, ….
    pub name: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, in one line.
    pub detail: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All there.
    Good,
    /// Something degrades; the detail names the loss.
    Degraded,
    /// Networks cannot work.
    Missing,
}

/// Looks at everything. Makes nothing that outlives the call; probes that need a namespace make their own.
pub fn probe() -> Vec<Probe> {
    todo!()
}
