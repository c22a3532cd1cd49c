//! What the running kernel offers to containers.

use std::os::fd::AsFd;
use std::path::Path;

use serde::Serialize;

use crate::cgroup::Layout;
use crate::rootfs::has_new_mount_api;
use crate::sys::{clone_into_cgroup_available, close_range_available, seccomp_action_available};

/// `SECCOMP_RET_ERRNO`.
const RETURN_ERRNO: u32 = 0x0005_0000;

/// The version of the control group hierarchies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupVersion {
    /// Only v1.
    V1,
    /// v1 for the controllers, and v2 without any.
    Hybrid,
    /// Only v2.
    V2,
    /// No hierarchy is mounted.
    None,
}

/// What was found; see `berth doctor`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelFeatures {
    /// Kinds of namespaces, in the OCI spec's names.
    pub namespaces: Vec<&'static str>,
    /// Control groups.
    pub cgroup: CgroupVersion,
    /// Controllers, in v1's or v2's names.
    pub controllers: Vec<String>,
    /// System call filters.
    pub seccomp: bool,
    /// AppArmor is enabled.
    pub apparmor: bool,
    /// SELinux is enabled.
    pub selinux: bool,
    /// `mount_setattr` and what belongs to it (5.12): recursive read-only mounts, mounts complete before they are seen.
    pub new_mount_api: bool,
    /// `openat2` (5.6): paths resolved beneath a root by the kernel.
    pub openat2: bool,
    /// `close_range` (5.9).
    pub close_range: bool,
    /// `pidfd_open` (5.3).
    pub pidfd: bool,
    /// `CLONE_INTO_CGROUP` (5.7): processes are born in their v2 group.
    pub clone_into_cgroup: bool,
    /// `cgroup.kill` (5.14): a v2 group is killed at once.
    pub cgroup_kill: bool,
}

const NAMESPACES: [(&str, &str); 8] = [
    ("cgroup", "cgroup"),
    ("ipc", "ipc"),
    ("mnt", "mount"),
    ("net", "network"),
    ("pid", "pid"),
    ("time", "time"),
    ("user", "user"),
    ("uts", "uts"),
];

impl KernelFeatures {
    /// Asks the kernel. Takes well below a millisecond and changes nothing.
    pub fn probe() -> Self {
        let layout = Layout::of_machine();
        let exists = |path: &str| Path::new(path).exists();
        let own = NAMESPACES.iter().filter(|(link, _)| exists(&format!("/proc/self/ns/{link}")));
        let cgroup = match (layout.v1.is_empty(), layout.unified.is_some()) {
            (true, true) => CgroupVersion::V2,
            (false, true) => CgroupVersion::Hybrid,
            (false, false) => CgroupVersion::V1,
            (true, false) => CgroupVersion::None,
        };
        let v1 = layout.v1.iter().flat_map(|one| one.controllers.iter());
        let v2 = layout.unified.iter().flat_map(|(_, controllers)| controllers.iter());
        let this = rustix::process::getpid();
        let pidfd = rustix::process::pidfd_open(this, rustix::process::PidfdFlags::empty());
        Self {
            namespaces: own.map(|(_, name)| *name).collect(),
            cgroup,
            controllers: v1.chain(v2).cloned().collect(),
            seccomp: seccomp_action_available(RETURN_ERRNO),
            apparmor: exists("/sys/kernel/security/apparmor/profiles"),
            selinux: exists("/sys/fs/selinux/enforce"),
            new_mount_api: has_new_mount_api(),
            openat2: beneath::Strategy::detect() == beneath::Strategy::Kernel,
            close_range: close_range_available(),
            pidfd: pidfd.is_ok_and(|fd| fd.as_fd().try_clone_to_owned().is_ok()),
            clone_into_cgroup: clone_into_cgroup_available(),
            cgroup_kill: layout.has_kill(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_mount_namespaces_and_filters() {
        let features = KernelFeatures::probe();
        assert!(features.namespaces.contains(&"mount"));
        assert!(features.seccomp);
    }
}
