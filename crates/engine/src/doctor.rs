//! What this host offers, and what will be missing.

use crate::{Engine, error::EngineError};
use network::doctor::{Probe, Verdict as NetworkVerdict};
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

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
    let mut findings = vec![kernel(), cgroups(), overlay(), rlimits(), bootstrap()];
    findings.extend(network::doctor::probe().into_iter().map(of_network));
    findings
}

fn finding(area: &str, subject: &str, verdict: Verdict, found: String, consequence: &str) -> Finding {
    let consequence = if verdict == Verdict::Good { "" } else { consequence };
    Finding {
        area: area.to_owned(),
        subject: subject.to_owned(),
        verdict,
        found,
        consequence: consequence.to_owned(),
    }
}

fn kernel() -> Finding {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    finding("kernel", "release", Verdict::Good, release, "")
}

fn cgroups() -> Finding {
    let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers");
    let v1 = Path::new("/sys/fs/cgroup/memory").exists() || Path::new("/sys/fs/cgroup/cpu").exists();
    let (verdict, found) = match (controllers, v1) {
        (Ok(list), _) => (Verdict::Good, format!("v2 with {}", list.trim())),
        (Err(_), true) => (Verdict::Good, "v1 or hybrid".to_owned()),
        (Err(_), false) => (Verdict::Missing, "none mounted below /sys/fs/cgroup".to_owned()),
    };
    finding(
        "cgroups",
        "mode",
        verdict,
        found,
        "containers cannot be limited or ended reliably: mount a control group hierarchy",
    )
}

fn overlay() -> Finding {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let there = known.lines().any(|line| line.trim_start_matches("nodev").trim() == "overlay");
    let (verdict, found) = match there {
        true => (Verdict::Good, "overlayfs is in the kernel".to_owned()),
        false => (Verdict::Degraded, "overlayfs is not loaded".to_owned()),
    };
    finding(
        "storage",
        "overlayfs",
        verdict,
        found,
        "containers cannot be started until it is: modprobe overlay",
    )
}

fn rlimits() -> Finding {
    let held = crate::host::Host::probe().capabilities.contains(&oci_spec::runtime::Capability::SysResource);
    let (verdict, found) = match held {
        true => (Verdict::Good, "CAP_SYS_RESOURCE is there".to_owned()),
        false => (Verdict::Degraded, "CAP_SYS_RESOURCE is missing".to_owned()),
    };
    finding(
        "security",
        "resource limits",
        verdict,
        found,
        "ulimits cannot be raised and OOM scores not be lowered",
    )
}

fn bootstrap() -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|dir| dir.join("mmdebstrap").is_file());
    let (verdict, found) = match there {
        true => (Verdict::Good, "mmdebstrap is installed".to_owned()),
        false => (Verdict::Degraded, "mmdebstrap is not installed".to_owned()),
    };
    finding(
        "tools",
        "base images",
        verdict,
        found,
        "`berth image bootstrap` does not work: apt install mmdebstrap",
    )
}

fn of_network(probe: Probe) -> Finding {
    let (verdict, consequence) = match probe.verdict {
        NetworkVerdict::Good => (Verdict::Good, ""),
        NetworkVerdict::Degraded => (Verdict::Degraded, "a part of networking is lost, as said"),
        NetworkVerdict::Missing => (Verdict::Missing, "containers can have no network but `host` and `none`"),
    };
    finding("network", probe.name, verdict, probe.detail, consequence)
}

impl Engine {
    /// Looks at this host.
    pub async fn doctor(&self) -> Result<Vec<Finding>, EngineError> {
        self.blocking(|_| Ok(examine())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_networks_lack_has_a_consequence() {
        let probe = |verdict| Probe { name: "firewall", verdict, detail: "seen".to_owned() };
        let missing = of_network(probe(NetworkVerdict::Missing));
        assert_eq!((missing.verdict, missing.found.as_str()), (Verdict::Missing, "seen"));
        assert!(!missing.consequence.is_empty());
        assert!(of_network(probe(NetworkVerdict::Good)).consequence.is_empty());
    }
}
