//! Trials of what containers need from this host. What is tried leaves nothing behind.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::cgroup::{Cgroup, CgroupError};
use crate::overlay::Overlay;
use crate::sys::{BpfInsn, DeviceProgram};
use crate::visit::{VisitError, aside, own_namespace};
use rustix::mount::MountPropagationFlags;

/// What came of mounting an overlay as containers have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayTrial {
    /// Why a writable overlay cannot be mounted; `None` when it can.
    pub refused: Option<String>,
    /// A removed file of a lower layer is hidden by a whiteout.
    pub whiteouts: bool,
    /// A directory that replaces one of a lower layer is marked in `trusted.overlay.opaque`.
    pub opaque: bool,
    /// The end of a mount need not wait for the disk (Linux 5.10 on).
    pub volatile: bool,
}

/// Mounts overlays in `dir`, in a mount namespace that ends with the trial.
///
/// # Errors
/// When no directory can be made there, or no mount namespace at all.
pub fn try_overlay(dir: &Path) -> Result<OverlayTrial, io::Error> {
    let scratch = Scratch::new(dir)?;
    let tried = aside(|| {
        own_namespace(MountPropagationFlags::DOWNSTREAM)?;
        Ok(scratch.mount_and_change())
    });
    tried.map_err(|error: VisitError| io::Error::other(error.to_string()))
}

/// The directories of an overlay.
struct Scratch(PathBuf);

impl Scratch {
    fn new(dir: &Path) -> io::Result<Self> {
        let scratch = Self(dir.join(format!("doctor-{}", std::process::id())));
        for name in ["lower/replaced", "upper", "work", "volatile-upper", "volatile-work", "root"] {
            fs::create_dir_all(scratch.0.join(name))?;
        }
        fs::write(scratch.0.join("lower/removed"), "")?;
        Ok(scratch)
    }

    fn mount(&self, prefix: &str, volatile: bool) -> io::Result<()> {
        let path = |name: &str| self.0.join(format!("{prefix}{name}"));
        let (lower, upper, work) = ([self.0.join("lower")], path("upper"), path("work"));
        Overlay { lower: &lower, upper: Some((&upper, &work)), options: &[], volatile }
            .mount(&self.0.join("root"))
    }

    fn mount_and_change(&self) -> OverlayTrial {
        let refused = self.mount("", false).err().map(|error| error.to_string());
        let (mut whiteouts, mut opaque) = (false, false);
        if refused.is_none() {
            let root = self.0.join("root");
            whiteouts = fs::remove_file(root.join("removed")).is_ok() && self.is_whiteout("upper/removed");
            let replaced = root.join("replaced");
            opaque = fs::remove_dir(&replaced).and_then(|()| fs::create_dir(&replaced)).is_ok()
                && self.is_opaque("upper/replaced");
        }
        let volatile = self.mount("volatile-", true).is_ok()
            && self.0.join("volatile-work/work/incompat/volatile").exists();
        OverlayTrial { refused, whiteouts, opaque, volatile }
    }

    fn is_whiteout(&self, name: &str) -> bool {
        let seen = fs::symlink_metadata(self.0.join(name));
        seen.is_ok_and(|found| found.file_type().is_char_device() && found.rdev() == 0)
    }

    fn is_opaque(&self, name: &str) -> bool {
        let mut value = [0; 4];
        let read = rustix::fs::getxattr(self.0.join(name), "trusted.overlay.opaque", &mut value[..]);
        read.is_ok_and(|length| value[..length] == *b"y")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is an empty directory with a telling name.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a control group in every hierarchy, looks which limits it offers, and removes it again.
///
/// # Errors
/// As for a container's group.
pub fn try_cgroup() -> Result<OptionalLimits, CgroupError> {
    let group = Cgroup::create(&PathBuf::from(format!("/berth-doctor-{}", std::process::id())))?;
    let limits = OptionalLimits::of(&group);
    group.remove()?;
    Ok(limits)
}

/// Whether a v2 control group can be given a device filter: eBPF programs of that kind are loaded.
pub fn device_filter_available() -> bool {
    const RETURN_1: [BpfInsn; 2] = [
        BpfInsn { code: 0xb7, registers: 0, offset: 0, immediate: 1 },
        BpfInsn { code: 0x95, registers: 0, offset: 0, immediate: 0 },
    ];
    DeviceProgram::load(&RETURN_1).is_ok()
}

/// Which optional limits this kernel has, by their control files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OptionalLimits {
    /// Swap is counted apart from memory (`--memory-swap`).
    pub swap: bool,
    /// Groups can be stopped for a while (`pause`).
    pub freezer: bool,
    /// Disk time is shared by weight (`--blkio-weight`).
    pub io_weight: bool,
    /// Rates of block devices can be limited (`--device-read-bps` and the like).
    pub io_rate: bool,
    /// Processor time can be limited, not only shared (`--cpus`).
    pub cpu_quota: bool,
}

impl OptionalLimits {
    fn of(group: &Cgroup) -> Self {
        let has = |controller: &str, files: &[&str]| {
            let dir = group.directory(controller);
            dir.is_some_and(|dir| files.iter().any(|file| dir.join(file).exists()))
        };
        Self {
            swap: has("memory", &["memory.memsw.limit_in_bytes", "memory.swap.max"]),
            freezer: has("freezer", &["freezer.state"]) || has("pids", &["cgroup.freeze"]),
            io_weight: has("blkio", &["blkio.weight", "blkio.bfq.weight"])
                || has("io", &["io.weight", "io.bfq.weight"]),
            io_rate: has("blkio", &["blkio.throttle.read_bps_device"]) || has("io", &["io.max"]),
            cpu_quota: has("cpu", &["cpu.cfs_quota_us", "cpu.max"]),
        }
    }
}

/// Whether the clock is kept by a time service, as the kernel has it.
pub fn clock_synchronised() -> bool {
    crate::sys::clock_synchronised()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        // Without root there is no trial, with it there may be no overlay on this file system: both are answers.
        let _ = try_overlay(dir.path());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
