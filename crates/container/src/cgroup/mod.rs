//! Control groups: v1, hybrid and v2 behind one type.

mod apply;
mod convert;
mod device_program;
mod devices;
mod file;
mod freeze;
mod join;
mod layout;
mod setting;
mod stats;
mod tree;
mod v1;
mod v2;

use std::io;
use std::path::{Component, Path, PathBuf};

use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};

pub(crate) use join::Joining;
pub(crate) use layout::Layout;

/// Why an operation on a control group failed.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A file of the group could not be read or written.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done, e.g. `write "100" to`.
        action: String,
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// This kernel has no mounted control group hierarchy.
    #[error("no cgroup hierarchy is mounted")]
    NotMounted,
    /// A limit was asked for that this kernel offers no controller for.
    #[error("the cgroup controller {controller:?} that {what} needs is not available")]
    NoController {
        /// The missing controller.
        controller: &'static str,
        /// The resource that needs it.
        what: String,
    },
    /// A value that the kernel would not understand.
    #[error("{what} cannot be {value}")]
    Invalid {
        /// The resource.
        what: &'static str,
        /// The offending value.
        value: String,
    },
}

impl CgroupError {
    fn io(action: &str, path: &Path, source: io::Error) -> Self {
        Self::Io { action: action.to_owned(), path: path.to_owned(), source }
    }
}

/// One control group in every hierarchy of the machine.
///
/// The value is only a name: dropping it removes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes the group `path` (relative to each hierarchy's root, e.g. `/berth/<id>`) in all hierarchies.
    ///
    /// An existing group is taken as it is. No limits are set: see [`Cgroup::apply`].
    pub fn create(path: &Path) -> Result<Self, CgroupError> {
        let cgroup = Self::existing(path);
        tree::create(&cgroup)?;
        Ok(cgroup)
    }

    /// Names a group that exists already, without touching it.
    pub fn existing(path: &Path) -> Self {
        let inside = path.components().filter(|part| matches!(part, Component::Normal(_)));
        Self { path: Path::new("/").join(inside.collect::<PathBuf>()) }
    }

    /// The group's directory in the hierarchy mounted at `root`.
    fn below(&self, root: &Path) -> PathBuf {
        root.join(self.path.strip_prefix("/").unwrap_or(&self.path))
    }

    /// Its directory in the hierarchy of `controller` (`""` for v2), whether it exists or not.
    pub fn directory(&self, controller: &str) -> Option<PathBuf> {
        let layout = layout::Layout::of_machine();
        match controller {
            "" => layout.unified.as_ref().map(|(root, _)| self.below(root)),
            _ => layout
                .place(controller)
                .map(|(layout::Place::V1(root) | layout::Place::V2(root))| self.below(root)),
        }
    }

    /// The group's path below each hierarchy's root, always absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets limits, and the device allowlist if `resources` has one.
    ///
    /// Values that are absent stay as they are. Returns what could not be done but does no harm.
    pub fn apply(&self, resources: &LinuxResources) -> Result<Vec<String>, CgroupError> {
        apply::apply(self, resources)
    }

    /// Stops every process of the group and waits until they are stopped.
    pub fn freeze(&self) -> Result<(), CgroupError> {
        freeze::freeze(self)
    }

    /// Lets a frozen group go on.
    pub fn thaw(&self) -> Result<(), CgroupError> {
        freeze::thaw(self)
    }

    /// Whether the group is frozen.
    pub fn frozen(&self) -> Result<bool, CgroupError> {
        freeze::frozen(self)
    }

    /// Sends SIGKILL to every process in the group and below it; a frozen group is killed as well.
    ///
    /// Returns at once: the processes may need a moment to disappear.
    pub fn kill_all(&self) -> Result<(), CgroupError> {
        freeze::kill_all(self)
    }

    /// The processes in the group and in groups below it, as seen from this process' pid namespace.
    pub fn procs(&self) -> Result<Vec<i32>, CgroupError> {
        freeze::procs(self)
    }

    /// What the group uses now. Values that the kernel does not offer are zero or `None`.
    pub fn stats(&self) -> Result<Stats, CgroupError> {
        Ok(stats::stats(self))
    }

    /// Times the kernel's out-of-memory killer has killed in this group; 0 when it cannot be told.
    pub fn oom_kills(&self) -> Result<u64, CgroupError> {
        Ok(stats::oom_kills(self))
    }

    /// Removes the group and those below it from all hierarchies. A group that is gone already is success.
    ///
    /// Fails with `EBUSY` as source while processes are left.
    pub fn remove(&self) -> Result<(), CgroupError> {
        tree::remove(self)
    }
}

/// Usage of one control group, in the terms of Docker's `stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Processor time.
    pub cpu: CpuStats,
    /// Memory.
    pub memory: MemoryStats,
    /// Number of processes.
    pub pids: PidsStats,
    /// Block device traffic.
    pub blkio: BlkioStats,
}

/// Processor time, all in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuStats {
    /// Time used in total.
    pub total: u64,
    /// Time used in user mode.
    pub user: u64,
    /// Time used in kernel mode.
    pub system: u64,
    /// Time used per processor; empty on cgroup v2.
    pub per_cpu: Vec<u64>,
    /// Enforcement periods that have passed.
    pub periods: u64,
    /// Periods in which the group was throttled.
    pub throttled_periods: u64,
    /// Time for which the group was throttled.
    pub throttled: u64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryStats {
    /// In use, page cache included.
    pub usage: u64,
    /// Highest `usage` seen; zero where the kernel does not keep it.
    pub max_usage: u64,
    /// Times the limit was hit.
    pub failcnt: u64,
    /// The limit; `u64::MAX` without one.
    pub limit: u64,
    /// Swap in use; `None` without swap accounting.
    pub swap: Option<u64>,
    /// The kernel's `memory.stat`, in its own names.
    pub stat: std::collections::BTreeMap<String, u64>,
}

/// Number of processes and threads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PidsStats {
    /// Now.
    pub current: u64,
    /// The limit; `None` without one.
    pub limit: Option<u64>,
}

/// Block device traffic since the group was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlkioStats {
    /// Per device and operation.
    pub entries: Vec<BlkioEntry>,
}

/// One row of [`BlkioStats`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlkioEntry {
    /// Major device number.
    pub major: u64,
    /// Minor device number.
    pub minor: u64,
    /// `Read` or `Write`.
    pub op: String,
    /// Bytes moved.
    pub bytes: u64,
    /// Requests served.
    pub ios: u64,
}
