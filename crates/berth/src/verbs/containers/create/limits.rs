//! Limits and devices.

use clap::Args;
use serde_json::{Value, json};

use super::{Object, Request};
use crate::failure::Failure;
use crate::units;

/// Flags about limits and devices.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits and devices")]
pub(crate) struct LimitFlags {
    /// Limit of memory
    #[arg(short, long, value_name = "SIZE")]
    memory: Option<String>,
    /// Soft limit of memory
    #[arg(long, value_name = "SIZE")]
    memory_reservation: Option<String>,
    /// Limit of memory and swap together; -1 is none
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    memory_swap: Option<String>,
    /// How readily the kernel swaps, 0 to 100
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    memory_swappiness: Option<i64>,
    /// Number of CPUs, such as 1.5
    #[arg(long, value_name = "N")]
    cpus: Option<String>,
    /// Relative weight among containers
    #[arg(short = 'c', long, value_name = "N")]
    cpu_shares: Option<i64>,
    /// Period of the scheduler in microseconds
    #[arg(long, value_name = "US")]
    cpu_period: Option<i64>,
    /// CPU time in each period in microseconds
    #[arg(long, value_name = "US", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,
    /// Real-time period in microseconds
    #[arg(long, value_name = "US")]
    cpu_rt_period: Option<i64>,
    /// Real-time run time in microseconds
    #[arg(long, value_name = "US")]
    cpu_rt_runtime: Option<i64>,
    /// CPUs to run on, such as 0-2,4
    #[arg(long, value_name = "CPUS")]
    cpuset_cpus: Option<String>,
    /// Memory nodes to use
    #[arg(long, value_name = "NODES")]
    cpuset_mems: Option<String>,
    /// Limit of processes; -1 is none
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
    /// Weight of block devices, 10 to 1000
    #[arg(long, value_name = "N")]
    blkio_weight: Option<u16>,
    /// Limit of reading from a device
    #[arg(long, value_name = "DEVICE:BYTES")]
    device_read_bps: Vec<String>,
    /// Limit of writing to a device
    #[arg(long, value_name = "DEVICE:BYTES")]
    device_write_bps: Vec<String>,
    /// Limit of reads from a device in a second
    #[arg(long, value_name = "DEVICE:N")]
    device_read_iops: Vec<String>,
    /// Limit of writes to a device in a second
    #[arg(long, value_name = "DEVICE:N")]
    device_write_iops: Vec<String>,
    /// Resource limit: NAME=SOFT[:HARD]
    #[arg(long, value_name = "LIMIT")]
    ulimit: Vec<String>,
    /// Add a device: PATH[:TARGET[:rwm]]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,
    /// Rule of the list of allowed devices, such as "c 1:3 rwm"
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<String>,
    /// Do not let the kernel kill for want of memory
    #[arg(long)]
    oom_kill_disable: bool,
    /// Preference of the kernel's killer, -1000 to 1000
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    oom_score_adj: Option<i64>,
    /// Control group above the container's
    #[arg(long, value_name = "PATH")]
    cgroup_parent: Option<String>,
}

impl LimitFlags {
    pub(super) fn apply(&self, request: &mut Request) -> Result<(), Failure> {
        let host = &mut request.host;
        self.memory_into(host)?;
        self.cpu_into(host)?;
        host.option("PidsLimit", self.pids_limit);
        host.option("BlkioWeight", self.blkio_weight);
        let rates = [
            ("BlkioDeviceReadBps", &self.device_read_bps, true),
            ("BlkioDeviceWriteBps", &self.device_write_bps, true),
            ("BlkioDeviceReadIOps", &self.device_read_iops, false),
            ("BlkioDeviceWriteIOps", &self.device_write_iops, false),
        ];
        for (key, texts, bytes) in rates {
            set_all(host, key, texts.iter().map(|text| rate(text, bytes)).collect::<Result<_, _>>()?);
        }
        let mut ulimits: Vec<Value> =
            self.ulimit.iter().map(|text| ulimit(text)).collect::<Result<_, _>>()?;
        ulimits.sort_by(|a, b| a["Name"].as_str().cmp(&b["Name"].as_str()));
        set_all(host, "Ulimits", ulimits);
        set_all(host, "Devices", self.device.iter().map(|text| device(text)).collect::<Result<_, _>>()?);
        host.list("DeviceCgroupRules", &self.device_cgroup_rule);
        host.flag("OomKillDisable", self.oom_kill_disable);
        host.option("OomScoreAdj", self.oom_score_adj);
        host.option("CgroupParent", self.cgroup_parent.clone());
        Ok(())
    }

    fn memory_into(&self, host: &mut Object) -> Result<(), Failure> {
        let size = |text: &Option<String>| text.as_deref().map(units::bytes).transpose();
        host.option("Memory", size(&self.memory)?);
        host.option("MemoryReservation", size(&self.memory_reservation)?);
        host.option("MemorySwap", self.memory_swap.as_deref().map(units::bytes_or_unlimited).transpose()?);
        host.option("MemorySwappiness", self.memory_swappiness);
        Ok(())
    }

    fn cpu_into(&self, host: &mut Object) -> Result<(), Failure> {
        host.option("NanoCpus", self.cpus.as_deref().map(units::nano_cpus).transpose()?);
        host.option("CpuShares", self.cpu_shares);
        host.option("CpuPeriod", self.cpu_period);
        host.option("CpuQuota", self.cpu_quota);
        host.option("CpuRealtimePeriod", self.cpu_rt_period);
        host.option("CpuRealtimeRuntime", self.cpu_rt_runtime);
        host.option("CpusetCpus", self.cpuset_cpus.clone());
        host.option("CpusetMems", self.cpuset_mems.clone());
        Ok(())
    }
}

fn set_all(host: &mut Object, key: &str, values: Vec<Value>) {
    if !values.is_empty() {
        host.set(key, values);
    }
}

fn rate(text: &str, bytes: bool) -> Result<Value, Failure> {
    let wrong = || Failure::new(format!("invalid device limit {text:?}: write DEVICE:LIMIT"));
    let (path, limit) = text.split_once(':').filter(|(path, _)| path.starts_with('/')).ok_or_else(wrong)?;
    let limit = if bytes { units::bytes(limit)? } else { limit.parse().map_err(|_| wrong())? };
    Ok(json!({"Path": path, "Rate": limit}))
}

/// `nofile=1024[:2048]`; `-1` is without limit.
fn ulimit(text: &str) -> Result<Value, Failure> {
    let wrong = || Failure::new(format!("invalid ulimit {text:?}: write NAME=SOFT[:HARD]"));
    let (name, limits) = text.split_once('=').ok_or_else(wrong)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let read = |text: &str| text.parse::<i64>().map_err(|_| wrong());
    let (soft, hard) = (read(soft)?, read(hard)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(Failure::new(format!(
            "ulimit {name}: the soft limit {soft} is above the hard limit {hard}"
        )));
    }
    Ok(json!({"Name": name, "Soft": soft, "Hard": hard}))
}

/// `/dev/x[:/dev/y[:rwm]]`
fn device(text: &str) -> Result<Value, Failure> {
    let is_access = |text: &str| !text.is_empty() && text.chars().all(|c| "rwm".contains(c));
    let parts: Vec<&str> = text.split(':').collect();
    let (host, container, access) = match parts[..] {
        [host] => (host, host, "rwm"),
        [host, access] if is_access(access) => (host, host, access),
        [host, container] => (host, container, "rwm"),
        [host, container, access] if is_access(access) => (host, container, access),
        _ => return Err(Failure::new(format!("invalid device {text:?}: write PATH[:TARGET[:rwm]]"))),
    };
    Ok(json!({"PathOnHost": host, "PathInContainer": container, "CgroupPermissions": access}))
}
