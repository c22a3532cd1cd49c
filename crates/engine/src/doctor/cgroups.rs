//! Control groups: which limits work here.

use super::{Finding, list};
use container::{
    doctor::{OptionalLimits, device_filter_available, try_cgroup},
    runtime::{CgroupVersion, KernelFeatures},
};

const AREA: &str = "cgroups";

/// Controllers by their v1 and v2 names, and what is lost without one.
const CONTROLLERS: [(&str, &[&str], &str); 5] = [
    ("cpu", &["cpu"], "--cpus and --cpu-shares do nothing"),
    ("cpuset", &["cpuset"], "--cpuset-cpus and --cpuset-mems do nothing"),
    ("memory", &["memory"], "--memory does nothing, and `stats` shows no memory"),
    ("pids", &["pids"], "--pids-limit does nothing: a fork bomb takes the host along"),
    ("io", &["io", "blkio"], "block devices are shared without weights or limits"),
];

#[derive(Debug, Clone)]
pub(super) struct Facts {
    version: CgroupVersion,
    controllers: Vec<String>,
    /// Whether devices can be kept from containers.
    devices: bool,
    kill: bool,
    /// What a group offers; why none can be made; `None` when that was not tried.
    group: Option<Result<OptionalLimits, String>>,
}

impl Facts {
    /// With a group that is made and removed.
    pub(super) fn gather() -> Self {
        let group = try_cgroup().map_err(|error| crate::chain(&error));
        Self { group: Some(group), ..Self::seen() }
    }

    /// By what is there.
    pub(super) fn seen() -> Self {
        let features = KernelFeatures::probe();
        let devices = match features.cgroup {
            CgroupVersion::V2 => device_filter_available(),
            _ => features.controllers.iter().any(|name| name == "devices"),
        };
        Self {
            version: features.cgroup,
            controllers: features.controllers,
            devices,
            kill: features.cgroup_kill,
            group: None,
        }
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![version(facts)];
    if facts.version == CgroupVersion::None {
        return findings;
    }
    findings.extend([controllers(facts), devices(facts)]);
    match &facts.group {
        Some(Ok(limits)) => findings.push(optional(*limits)),
        Some(Err(error)) => findings.push(Finding::good(AREA, "trial", error).missing(
            "containers cannot be started",
            "mount the control groups writable, or give Berth the right to make some",
        )),
        None => {}
    }
    findings
}

fn version(facts: &Facts) -> Finding {
    let finding = |found| Finding::good(AREA, "version", found);
    match facts.version {
        CgroupVersion::None => finding("none mounted").missing(
            "containers can neither be limited nor ended for certain",
            "mount -t cgroup2 none /sys/fs/cgroup",
        ),
        CgroupVersion::V2 if !facts.kill => finding("v2")
            .degraded("processes of a container are killed one by one", "install a kernel of 5.14 or later"),
        CgroupVersion::V2 => finding("v2"),
        CgroupVersion::V1 => finding("v1"),
        CgroupVersion::Hybrid => finding("v1, with v2 beside it"),
    }
}

fn controllers(facts: &Facts) -> Finding {
    let has = |names: &[&str]| facts.controllers.iter().any(|found| names.contains(&found.as_str()));
    let absent: Vec<_> = CONTROLLERS.iter().filter(|(_, names, _)| !has(names)).collect();
    let finding = Finding::good(AREA, "controllers", list(&facts.controllers));
    if absent.is_empty() {
        return finding;
    }
    let losses: Vec<_> = absent.iter().map(|(name, _, loss)| format!("no {name}: {loss}")).collect();
    finding.degraded(
        losses.join("; "),
        "enable them at boot (for memory: cgroup_enable=memory), or hand them down to this control group",
    )
}

fn devices(facts: &Facts) -> Finding {
    match facts.devices {
        true => Finding::good(AREA, "devices", "can be kept from containers"),
        false => Finding::good(AREA, "devices", "cannot be kept from containers").degraded(
            "a container that may make device nodes reaches every device of the host",
            "use a kernel with CONFIG_CGROUP_DEVICE (v1) or CONFIG_CGROUP_BPF (v2)",
        ),
    }
}

/// Limits that a kernel can have been built or booted without.
fn optional(limits: OptionalLimits) -> Finding {
    let all = [
        (limits.cpu_quota, "processor time", "--cpus does nothing", "CONFIG_CFS_BANDWIDTH"),
        (limits.swap, "swap", "--memory-swap does nothing", "swapaccount=1 on the kernel's command line"),
        (limits.freezer, "pause", "`pause` does not work", "CONFIG_CGROUP_FREEZER"),
        (limits.io_weight, "disk weight", "--blkio-weight does nothing", "the bfq scheduler, or io.cost"),
        (
            limits.io_rate,
            "disk rates",
            "--device-read-bps and the like do nothing",
            "CONFIG_BLK_DEV_THROTTLING",
        ),
    ];
    let names = |wanted: bool| {
        let chosen = all.iter().filter(|(there, ..)| *there == wanted);
        list(&chosen.map(|(_, name, ..)| *name).collect::<Vec<_>>())
    };
    let absent: Vec<_> = all.iter().filter(|(there, ..)| !there).collect();
    if absent.is_empty() {
        return Finding::good(AREA, "limits", names(true));
    }
    let losses: Vec<_> = absent.iter().map(|(_, _, loss, _)| *loss).collect();
    let remedies: Vec<_> =
        absent.iter().map(|(_, name, _, remedy)| format!("{name} needs {remedy}")).collect();
    Finding::good(AREA, "limits", format!("not there: {}", names(false)))
        .degraded(list(&losses), remedies.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    const ALL: OptionalLimits =
        OptionalLimits { swap: true, freezer: true, io_weight: true, io_rate: true, cpu_quota: true };

    fn facts() -> Facts {
        Facts {
            version: CgroupVersion::V2,
            controllers: ["cpuset", "cpu", "io", "memory", "pids"].map(str::to_owned).to_vec(),
            devices: true,
            kill: true,
            group: Some(Ok(ALL)),
        }
    }

    #[test]
    fn all_controllers_are_good() {
        assert!(judge(&facts()).iter().all(|finding| finding.verdict == Verdict::Good));
        assert_eq!(judge(&facts())[3].found, "processor time, swap, pause, disk weight, disk rates");
    }

    #[test]
    fn each_missing_controller_names_what_is_lost() {
        let mut facts = facts();
        facts.controllers = ["cpu", "cpuset", "blkio", "pids"].map(str::to_owned).to_vec();
        let finding = &judge(&facts)[1];
        assert_eq!(finding.verdict, Verdict::Degraded);
        assert_eq!(finding.consequence, "no memory: --memory does nothing, and `stats` shows no memory");
    }

    #[test]
    fn a_kernel_without_swap_accounting_is_told_how_to_get_it() {
        let mut facts = facts();
        facts.group = Some(Ok(OptionalLimits { swap: false, ..ALL }));
        let finding = &judge(&facts)[3];
        assert_eq!(finding.found, "not there: swap");
        assert_eq!(finding.consequence, "--memory-swap does nothing");
        assert_eq!(finding.remedy, "swap needs swapaccount=1 on the kernel's command line");
    }

    #[test]
    fn nothing_mounted_is_said_once() {
        let facts = Facts { version: CgroupVersion::None, group: Some(Err("x".to_owned())), ..facts() };
        let found = judge(&facts);
        assert_eq!((found.len(), found[0].verdict), (1, Verdict::Missing));
    }
}
