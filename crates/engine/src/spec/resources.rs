use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Limits, devices and ulimits of a container; none means unlimited or the default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Memory in bytes that reclaim leaves alone.
    pub memory_reservation: Option<u64>,
    /// Memory and swap together.
    pub memory_swap: Option<MemorySwap>,
    /// 0 to 100; cgroup v1 only.
    pub memory_swappiness: Option<u64>,
    /// Processor time in billionths of a processor.
    pub nano_cpus: Option<u64>,
    /// Relative weight; 1024 is the default.
    pub cpu_shares: Option<u64>,
    /// Period of the quota in microseconds.
    pub cpu_period: Option<u64>,
    /// Processor time in each period in microseconds.
    pub cpu_quota: Option<i64>,
    /// Real-time period in microseconds; cgroup v1 only.
    pub cpu_realtime_period: Option<u64>,
    /// Real-time runtime in microseconds; cgroup v1 only.
    pub cpu_realtime_runtime: Option<i64>,
    /// Processors (`0-2,4`).
    pub cpuset_cpus: Option<String>,
    /// Memory nodes (`0-1`).
    pub cpuset_mems: Option<String>,
    /// Greatest number of processes.
    pub pids_limit: Option<PidsLimit>,
    /// Relative weight of block I/O, 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Relative weights by device.
    pub blkio_weight_device: Vec<BlkioDevice>,
    /// Read limits in bytes per second.
    pub blkio_read_bps: Vec<BlkioDevice>,
    /// Write limits in bytes per second.
    pub blkio_write_bps: Vec<BlkioDevice>,
    /// Read limits in operations per second.
    pub blkio_read_iops: Vec<BlkioDevice>,
    /// Write limits in operations per second.
    pub blkio_write_iops: Vec<BlkioDevice>,
    /// The container is not killed when memory runs out; cgroup v1 only.
    pub oom_kill_disable: bool,
    /// -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// Devices of the host.
    pub devices: Vec<DeviceMapping>,
    /// Further rules of the device allowlist (`c 1:3 rwm`).
    pub device_cgroup_rules: Vec<String>,
    /// Devices by capability (GPUs); kept, refused when one is asked for that no driver serves.
    pub device_requests: Vec<DeviceRequest>,
    /// Resource limits of processes.
    pub ulimits: Vec<Ulimit>,
}

/// A limit of memory and swap together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemorySwap {
    /// Bytes.
    Bytes(u64),
    /// No limit.
    Unlimited,
}

/// A limit of the number of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PidsLimit {
    /// At most so many.
    Max(u64),
    /// No limit.
    Unlimited,
}

/// A number for one block device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlkioDevice {
    /// Path of the device on the host.
    pub path: PathBuf,
    /// Weight, bytes or operations per second.
    pub value: u64,
}

/// A device of the host inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMapping {
    /// Device (or directory of devices) on the host.
    pub host: PathBuf,
    /// Its path in the container.
    pub container: PathBuf,
    /// What the container may do.
    pub access: DeviceAccess,
}

/// Access to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAccess {
    /// `r`
    pub read: bool,
    /// `w`
    pub write: bool,
    /// `m`
    pub mknod: bool,
}

impl Default for DeviceAccess {
    fn default() -> Self {
        Self { read: true, write: true, mknod: true }
    }
}

impl DeviceAccess {
    /// Reads a combination of `r`, `w` and `m`; empty is all three.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let known = text.chars().all(|c| "rwm".contains(c));
        known.then(|| Self { read: text.contains('r'), write: text.contains('w'), mknod: text.contains('m') })
    }
}

impl std::fmt::Display for DeviceAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (flag, letter) in [(self.read, "r"), (self.write, "w"), (self.mknod, "m")] {
            if flag {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// Devices asked for by capability, as Docker's `DeviceRequests`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    /// Driver (`nvidia`, `cdi`).
    pub driver: String,
    /// Number of devices, -1 for all.
    pub count: i64,
    /// Devices by id.
    pub device_ids: Vec<String>,
    /// Alternatives of capabilities.
    pub capabilities: Vec<Vec<String>>,
}

/// One resource limit; `None` is unlimited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Name without `RLIMIT_`, lower case (`nofile`).
    pub name: String,
    /// Soft limit.
    pub soft: Option<u64>,
    /// Hard limit.
    pub hard: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_access_reads_letters() {
        assert_eq!(DeviceAccess::parse("").unwrap().to_string(), "rwm");
        assert_eq!(DeviceAccess::parse("r").unwrap().to_string(), "r");
        assert!(DeviceAccess::parse("x").is_none());
    }
}
