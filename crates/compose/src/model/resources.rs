//! Limits of a container.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Limits of each container of a service; `deploy.resources` is already merged in. Bytes where nothing else is said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// `mem_limit` or `deploy.resources.limits.memory`.
    pub mem_limit: Option<u64>,
    /// `mem_reservation` or `deploy.resources.reservations.memory`.
    pub mem_reservation: Option<u64>,
    /// `memswap_limit`: memory and swap together; -1 is no limit.
    pub memswap_limit: Option<i64>,
    /// `mem_swappiness`, 0 to 100.
    pub mem_swappiness: Option<u8>,
    /// `shm_size`.
    pub shm_size: Option<u64>,
    /// `cpus` or `deploy.resources.limits.cpus`, in billionths of a CPU.
    pub nano_cpus: Option<u64>,
    /// `cpu_count`.
    pub cpu_count: Option<u64>,
    /// `cpu_percent`.
    pub cpu_percent: Option<f64>,
    /// `cpu_shares`.
    pub cpu_shares: Option<u64>,
    /// `cpu_period` in microseconds.
    pub cpu_period: Option<u64>,
    /// `cpu_quota` in microseconds; -1 is no limit.
    pub cpu_quota: Option<i64>,
    /// `cpu_rt_period` in microseconds.
    pub cpu_rt_period: Option<u64>,
    /// `cpu_rt_runtime` in microseconds.
    pub cpu_rt_runtime: Option<u64>,
    /// `cpuset`: a list such as `0-2,7`.
    pub cpuset: Option<String>,
    /// `pids_limit` or `deploy.resources.limits.pids`; -1 is no limit.
    pub pids_limit: Option<i64>,
    /// `oom_kill_disable`.
    pub oom_kill_disable: bool,
    /// `oom_score_adj`, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// `ulimits`, by name without `RLIMIT_`.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// `blkio_config`.
    pub blkio: Option<BlockIo>,
}

/// A resource limit of the process; -1 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Soft limit.
    pub soft: i64,
    /// Hard limit.
    pub hard: i64,
}

/// `blkio_config`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BlockIo {
    /// `weight`, 10 to 1000.
    pub weight: Option<u16>,
    /// `weight_device`.
    pub weight_device: Vec<BlockWeight>,
    /// `device_read_bps`, bytes each second.
    pub device_read_bps: Vec<BlockRate>,
    /// `device_write_bps`, bytes each second.
    pub device_write_bps: Vec<BlockRate>,
    /// `device_read_iops`, operations each second.
    pub device_read_iops: Vec<BlockRate>,
    /// `device_write_iops`, operations each second.
    pub device_write_iops: Vec<BlockRate>,
}

/// Weight of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockWeight {
    /// Path of the device.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

/// Rate of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRate {
    /// Path of the device.
    pub path: String,
    /// Bytes or operations each second.
    pub rate: u64,
}
