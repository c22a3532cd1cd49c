use std::collections::BTreeMap;

use time::OffsetDateTime;

/// One measurement of a container. All counters only grow.
#[derive(Debug, Clone, Default)]
pub struct StatsSample {
    /// When it was taken; none for a container that does not run.
    pub read: Option<OffsetDateTime>,
    /// Processor time.
    pub cpu: CpuStats,
    /// Memory.
    pub memory: MemoryStats,
    /// Processes.
    pub pids: PidsStats,
    /// Block I/O.
    pub blkio: BlkioStats,
    /// Network, by interface inside the container.
    pub networks: BTreeMap<String, InterfaceStats>,
}

/// Processor time in nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct CpuStats {
    /// All of the container's.
    pub total: u64,
    /// In user mode.
    pub user: u64,
    /// In the kernel.
    pub kernel: u64,
    /// By processor; empty where the kernel does not say.
    pub per_cpu: Vec<u64>,
    /// The host's, over all processors and modes.
    pub system: u64,
    /// Processors that are on.
    pub online: u32,
    /// Quota periods that have passed.
    pub periods: u64,
    /// Quota periods in which it was held back.
    pub throttled_periods: u64,
    /// Time it was held back.
    pub throttled_time: u64,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default)]
pub struct MemoryStats {
    /// In use, page cache included.
    pub usage: u64,
    /// Greatest use; none where the kernel does not say.
    pub max_usage: Option<u64>,
    /// The limit; the host's memory when there is none.
    pub limit: u64,
    /// Times the limit was hit.
    pub failures: Option<u64>,
    /// The kernel's `memory.stat`.
    pub detail: BTreeMap<String, u64>,
}

/// Processes.
#[derive(Debug, Clone, Default)]
pub struct PidsStats {
    /// Now.
    pub current: u64,
    /// The limit; none is no limit.
    pub limit: Option<u64>,
}

/// Block I/O by device and operation: `(major, minor, "read" | "write", value)`.
#[derive(Debug, Clone, Default)]
pub struct BlkioStats {
    /// Bytes.
    pub bytes: Vec<(u64, u64, String, u64)>,
    /// Operations.
    pub operations: Vec<(u64, u64, String, u64)>,
}

/// Counters of an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InterfaceStats {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Errors on receiving.
    pub rx_errors: u64,
    /// Packets dropped on receiving.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Errors on sending.
    pub tx_errors: u64,
    /// Packets dropped on sending.
    pub tx_dropped: u64,
}
