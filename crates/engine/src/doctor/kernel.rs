//! The kernel: its age, namespaces, and system calls.

use super::{Finding, list};
use container::runtime::KernelFeatures;

const AREA: &str = "kernel";

/// The oldest kernel that Berth is tested on.
const TESTED: (u32, u32) = (5, 10);

/// What a container must have of its own, by the OCI spec's names.
const NEEDED: [&str; 5] = ["mount", "pid", "uts", "ipc", "network"];

#[derive(Debug, Clone)]
pub(super) struct Facts {
    release: String,
    version: (u32, u32),
    namespaces: Vec<String>,
    /// Name, whether it is there, and what is lost without it.
    calls: Vec<(&'static str, bool, &'static str)>,
}

impl Facts {
    pub(super) fn gather() -> Self {
        let features = KernelFeatures::probe();
        let name = rustix::system::uname();
        Self {
            release: name.release().to_string_lossy().into_owned(),
            version: crate::host::Host::probe().kernel,
            namespaces: features.namespaces.iter().map(ToString::to_string).collect(),
            calls: calls(&features),
        }
    }
}

fn calls(features: &KernelFeatures) -> Vec<(&'static str, bool, &'static str)> {
    vec![
        ("pidfd_open", features.pidfd, "`berth engine stop` does not work"),
        (
            "clone3 into a control group",
            features.clone_into_cgroup,
            "each start takes some milliseconds longer",
        ),
        (
            "openat2",
            features.openat2,
            "paths of images and volumes are resolved step by step, which is slower",
        ),
        ("mount_setattr", features.new_mount_api, "a read-only bind mount leaves mounts below it writable"),
        ("close_range", features.close_range, "descriptors are closed one by one, which is slower"),
    ]
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![release(facts), namespaces(facts), system_calls(facts)]
}

fn release(facts: &Facts) -> Finding {
    let finding = Finding::good(AREA, "release", &facts.release);
    if facts.version >= TESTED {
        return finding;
    }
    let (major, minor) = TESTED;
    finding
        .degraded(format!("Berth is not tested on kernels before {major}.{minor}"), "install a newer kernel")
}

fn namespaces(facts: &Facts) -> Finding {
    let lacks = |name: &&str| !facts.namespaces.iter().any(|found| found == name);
    let finding = Finding::good(AREA, "namespaces", list(&facts.namespaces));
    let needed: Vec<_> = NEEDED.into_iter().filter(lacks).collect();
    if !needed.is_empty() {
        let what = format!("containers cannot be made without namespaces of the kinds {}", list(&needed));
        return finding
            .missing(what, "use a kernel built with them (CONFIG_NAMESPACES and what is below it)");
    }
    let lost: Vec<_> = [
        ("user", "containers cannot have users of their own (`oci` with a user namespace)"),
        ("cgroup", "containers see the host's control group paths"),
    ]
    .into_iter()
    .filter_map(|(name, loss)| lacks(&name).then_some(loss))
    .collect();
    match lost.is_empty() {
        true => finding,
        false => finding.degraded(list(&lost), "use a kernel built with CONFIG_USER_NS and CONFIG_CGROUPS"),
    }
}

fn system_calls(facts: &Facts) -> Finding {
    let (there, absent): (Vec<_>, Vec<_>) = facts.calls.iter().partition(|(_, there, _)| *there);
    let names = |calls: &[&(&'static str, bool, &'static str)]| {
        list(&calls.iter().map(|(name, ..)| *name).collect::<Vec<_>>())
    };
    if absent.is_empty() {
        return Finding::good(AREA, "system calls", names(&there));
    }
    let losses: Vec<_> = absent.iter().map(|(name, _, loss)| format!("without {name} {loss}")).collect();
    Finding::good(AREA, "system calls", format!("not there: {}", names(&absent)))
        .degraded(losses.join("; "), "install a newer kernel")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            release: "6.1.0-13-amd64".to_owned(),
            version: (6, 1),
            namespaces: ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"]
                .map(str::to_owned)
                .to_vec(),
            calls: vec![("pidfd_open", true, "x"), ("openat2", true, "paths are slower")],
        }
    }

    fn verdicts(facts: &Facts) -> String {
        judge(facts).iter().map(|one| format!("{}: {:?}\n", one.subject, one.verdict)).collect()
    }

    #[test]
    fn a_current_kernel_lacks_nothing() {
        assert_eq!(verdicts(&facts()), "release: Good\nnamespaces: Good\nsystem calls: Good\n");
    }

    #[test]
    fn an_old_kernel_is_told_what_it_loses() {
        let mut old = facts();
        (old.release, old.version) = ("4.19.0".to_owned(), (4, 19));
        old.calls[1].1 = false;
        let found = judge(&old);
        assert_eq!(found[0].consequence, "Berth is not tested on kernels before 5.10");
        assert_eq!(found[2].found, "not there: openat2");
        assert_eq!(found[2].consequence, "without openat2 paths are slower");
    }

    #[test]
    fn without_pid_namespaces_there_are_no_containers() {
        let mut facts = facts();
        facts.namespaces.retain(|name| name != "pid" && name != "user");
        assert_eq!(verdicts(&facts), "release: Good\nnamespaces: Missing\nsystem calls: Good\n");
        facts.namespaces.push("pid".to_owned());
        assert_eq!(verdicts(&facts), "release: Good\nnamespaces: Degraded\nsystem calls: Good\n");
    }
}
