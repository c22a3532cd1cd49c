//! What may be mounted on `/proc`.
//!
//! A container that could cover procfs with files of its own choice could make the runtime (and security modules)
//! write its settings elsewhere.

use std::path::Path;

/// Files that tools such as lxcfs may replace.
const REPLACEABLE: [&str; 10] = [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "slabinfo",
    "stat",
    "swaps",
    "sys/crypto/fips_enabled",
    "sys/kernel/ns_last_pid",
    "uptime",
];

/// Whether a mount of type `kind` (of procfs itself, if `from_procfs` says so) may go to `real`, a path without links.
pub(super) fn allows(real: &Path, kind: &str, from_procfs: impl FnOnce() -> bool) -> bool {
    let Ok(below) = real.strip_prefix("/proc") else { return true };
    if below.as_os_str().is_empty() {
        return kind == "proc" || from_procfs();
    }
    kind != "proc" && REPLACEABLE.iter().any(|name| below == Path::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procfs_can_be_mounted_and_little_else() {
        assert!(allows(Path::new("/proc"), "proc", || false));
        assert!(allows(Path::new("/proc"), "bind", || true));
        assert!(allows(Path::new("/process"), "tmpfs", || false));
        assert!(allows(Path::new("/proc/uptime"), "bind", || false));
        assert!(!allows(Path::new("/proc"), "tmpfs", || false));
        assert!(!allows(Path::new("/proc/self/attr"), "bind", || false));
        assert!(!allows(Path::new("/proc/sys"), "bind", || true));
    }
}
