//! What the engine answers: plain values, copied out of its state.

mod container;
mod exec;
mod image;
mod network;
mod stats;
mod system;
mod volume;

pub use container::{
    ContainerSnapshot, ContainerSummary, EndpointSnapshot, HealthProbe, HealthSnapshot, HealthStatus,
    MountSnapshot, MountType, PortSnapshot, ResolvedProcess, StateSnapshot, Status,
};
pub use exec::ExecSnapshot;
pub use image::ImageSummary;
pub use network::{NetworkMember, NetworkSnapshot};
pub use stats::{BlkioStats, CpuStats, InterfaceStats, MemoryStats, PidsStats, StatsSample};
pub use system::{DiskUsage, SystemInfo};
pub use volume::VolumeSnapshot;
