//! What the host is, found out once.

use container::caps::ALL;
use oci_spec::runtime::Capability;
use std::{fs, path::Path};

/// Facts of this host.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// The kernel's (major, minor).
    pub(crate) kernel: (u32, u32),
    /// Control groups are unified (v2), not v1 or hybrid.
    pub(crate) cgroup_v2: bool,
    /// Capabilities the engine has, and so may give away.
    pub(crate) capabilities: Vec<Capability>,
}

impl Host {
    pub(crate) fn probe() -> Self {
        Self {
            kernel: kernel(),
            cgroup_v2: Path::new("/sys/fs/cgroup/cgroup.controllers").exists(),
            capabilities: bounding(),
        }
    }
}

fn kernel() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers =
        release.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn bounding() -> Vec<Capability> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bits = line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(u64::MAX);
    let held = ALL.into_iter().enumerate().filter(|(number, _)| bits & (1 << number) != 0);
    held.map(|(_, capability)| capability).collect()
}
