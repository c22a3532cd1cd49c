//! What the engine may do, and how containers are confined.

use super::{Finding, list};
use container::runtime::KernelFeatures;
use oci_spec::runtime::Capability;
use std::fs;

const AREA: &str = "security";

/// Capabilities without which no container is made.
const ESSENTIAL: [Capability; 6] = [
    Capability::SysAdmin,
    Capability::SysChroot,
    Capability::Setuid,
    Capability::Setgid,
    Capability::Chown,
    Capability::DacOverride,
];

#[derive(Debug, Clone)]
pub(super) struct Facts {
    root: bool,
    capabilities: Vec<Capability>,
    seccomp: bool,
    /// What filters can do, in the kernel's words.
    actions: Vec<String>,
    /// How many user namespaces there may be; `None` when the kernel has none.
    user_namespaces: Option<u64>,
    apparmor: bool,
    selinux: bool,
}

impl Facts {
    pub(super) fn gather() -> Self {
        let features = KernelFeatures::probe();
        let read = |path: &str| fs::read_to_string(path).ok();
        let actions = read("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
        Self {
            root: rustix::process::geteuid().is_root(),
            capabilities: crate::host::Host::probe().capabilities,
            seccomp: features.seccomp,
            actions: actions.split_whitespace().map(str::to_owned).collect(),
            user_namespaces: read("/proc/sys/user/max_user_namespaces")
                .and_then(|text| text.trim().parse().ok()),
            apparmor: features.apparmor,
            selinux: features.selinux,
        }
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![user(facts), capabilities(facts), seccomp(facts), user_namespaces(facts), modules(facts)]
}

fn user(facts: &Facts) -> Finding {
    match facts.root {
        true => Finding::good(AREA, "user", "root"),
        false => Finding::good(AREA, "user", "not root").missing("Berth does not work", "use sudo"),
    }
}

fn capabilities(facts: &Facts) -> Finding {
    let lacks = |wanted: &Capability| !facts.capabilities.contains(wanted);
    let names = |list: &[Capability]| {
        list.iter().map(|one| format!("CAP_{}", one.to_string().to_uppercase())).collect::<Vec<_>>()
    };
    let essential: Vec<_> = ESSENTIAL.into_iter().filter(lacks).collect();
    let remedy = "start Berth with them (a surrounding container or unit takes them away)";
    if !essential.is_empty() {
        return Finding::good(AREA, "capabilities", format!("not held: {}", list(&names(&essential))))
            .missing("containers cannot be made", remedy);
    }
    let mut absent: Vec<_> = container::caps::default_capabilities().into_iter().filter(lacks).collect();
    let mut losses = Vec::new();
    if !absent.is_empty() {
        losses.push("containers do not have them either");
    }
    for (capability, loss) in [
        (Capability::NetAdmin, "containers can have no network but `host` and `none`"),
        (Capability::SysResource, "ulimits cannot be raised and OOM scores not lowered"),
    ] {
        if lacks(&capability) {
            absent.push(capability);
            losses.push(loss);
        }
    }
    match absent.is_empty() {
        true => Finding::good(AREA, "capabilities", format!("{} held", facts.capabilities.len())),
        false => Finding::good(AREA, "capabilities", format!("not held: {}", list(&names(&absent))))
            .degraded(losses.join("; "), remedy),
    }
}

fn seccomp(facts: &Facts) -> Finding {
    match facts.seccomp {
        true if facts.actions.is_empty() => Finding::good(AREA, "seccomp", "filters"),
        true => Finding::good(AREA, "seccomp", format!("filters with {}", list(&facts.actions))),
        false => Finding::good(AREA, "seccomp", "no filters").degraded(
            "containers can make every system call: they start only with --security-opt seccomp=unconfined",
            "use a kernel with CONFIG_SECCOMP_FILTER",
        ),
    }
}

fn user_namespaces(facts: &Facts) -> Finding {
    let finding = |found: String| Finding::good(AREA, "user namespaces", found);
    match facts.user_namespaces {
        Some(0) => finding("none allowed".to_owned()).degraded(
            "containers with users of their own (`oci` with a user namespace) cannot be made",
            "sysctl -w user.max_user_namespaces=10000",
        ),
        Some(most) => finding(format!("up to {most}")),
        None => finding("not in this kernel".to_owned()).degraded(
            "containers with users of their own (`oci` with a user namespace) cannot be made",
            "use a kernel with CONFIG_USER_NS",
        ),
    }
}

/// Security modules are a second wall; a host without them has lost nothing it had.
fn modules(facts: &Facts) -> Finding {
    let found = match (facts.apparmor, facts.selinux) {
        (true, _) => "AppArmor: a container has the profile that --security-opt apparmor=NAME gives it",
        (_, true) => "SELinux: a container has the label that --security-opt label=… gives it",
        _ => "neither AppArmor nor SELinux",
    };
    Finding::good(AREA, "security modules", found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn facts() -> Facts {
        let mut capabilities = container::caps::default_capabilities();
        capabilities.extend(ESSENTIAL);
        capabilities.extend([Capability::NetAdmin, Capability::SysResource]);
        Facts {
            root: true,
            capabilities,
            seccomp: true,
            actions: vec!["kill_process".to_owned(), "errno".to_owned()],
            user_namespaces: Some(100),
            apparmor: false,
            selinux: false,
        }
    }

    #[test]
    fn root_with_everything_is_good() {
        assert!(judge(&facts()).iter().all(|finding| finding.verdict == Verdict::Good));
        assert_eq!(judge(&facts())[2].found, "filters with kill_process, errno");
    }

    #[test]
    fn a_lost_capability_says_what_follows() {
        let mut facts = facts();
        facts.capabilities.retain(|one| !matches!(one, Capability::SysResource | Capability::Mknod));
        let finding = capabilities(&facts);
        assert_eq!(finding.verdict, Verdict::Degraded);
        assert_eq!(finding.found, "not held: CAP_MKNOD, CAP_SYS_RESOURCE");
        assert_eq!(
            finding.consequence,
            "containers do not have them either; ulimits cannot be raised and OOM scores not lowered"
        );
        facts.capabilities.retain(|one| *one != Capability::SysAdmin);
        assert_eq!(capabilities(&facts).verdict, Verdict::Missing);
        assert_eq!(capabilities(&facts).found, "not held: CAP_SYS_ADMIN");
    }

    #[test]
    fn what_the_kernel_lacks_is_a_loss() {
        let bare = Facts { root: false, seccomp: false, user_namespaces: Some(0), ..facts() };
        let verdicts: Vec<_> = judge(&bare).iter().map(|one| one.verdict).collect();
        use Verdict::{Degraded, Good, Missing};
        assert_eq!(verdicts, [Missing, Good, Degraded, Degraded, Good]);
    }
}
