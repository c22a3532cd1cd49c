use std::path::PathBuf;

use super::{ContainerSnapshot, ImageSummary, VolumeSnapshot};

/// What the engine and its host are.
#[derive(Debug, Clone)]
pub struct SystemInfo {
    /// Stable id of this engine's root.
    pub id: String,
    /// State directory.
    pub root: PathBuf,
    /// Containers that run.
    pub running: usize,
    /// Containers that are frozen.
    pub paused: usize,
    /// Containers that do neither.
    pub stopped: usize,
    /// Images.
    pub images: usize,
    /// The host's name.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// `PRETTY_NAME` of the host's os-release.
    pub operating_system: String,
    /// `VERSION_ID` of the host's os-release.
    pub os_version: String,
    /// Machine (`x86_64`).
    pub architecture: String,
    /// Processors.
    pub cpus: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// 1 or 2.
    pub cgroup_version: u8,
    /// Clients listening for events.
    pub event_listeners: usize,
    /// What this host lacks, as sentences.
    pub warnings: Vec<String>,
}

/// What takes space on disk.
#[derive(Debug, Clone)]
pub struct DiskUsage {
    /// Bytes of all layers, shared ones counted once.
    pub layers: u64,
    /// Images.
    pub images: Vec<ImageSummary>,
    /// Containers with sizes.
    pub containers: Vec<ContainerSnapshot>,
    /// Volumes with sizes.
    pub volumes: Vec<VolumeSnapshot>,
    /// Bytes of the build cache.
    pub build_cache: u64,
}
