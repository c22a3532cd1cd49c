//! Limits and devices.

use crate::spec::{BlkioDevice, DeviceAccess, DeviceMapping, MemorySwap, PidsLimit, Resources, Ulimit};
use compose::model::{self, BlockRate, Service};

pub(super) fn resources(service: &Service) -> Result<Resources, String> {
    let given = &service.resources;
    let block = given.blkio.clone().unwrap_or_default();
    Ok(Resources {
        memory: given.mem_limit,
        memory_reservation: given.mem_reservation,
        memory_swap: given.memswap_limit.map(|limit| match u64::try_from(limit) {
            Ok(bytes) => MemorySwap::Bytes(bytes),
            Err(_) => MemorySwap::Unlimited,
        }),
        memory_swappiness: given.mem_swappiness.map(u64::from),
        nano_cpus: given.nano_cpus,
        cpu_shares: given.cpu_shares,
        cpu_period: given.cpu_period,
        cpu_quota: given.cpu_quota,
        cpu_realtime_period: given.cpu_rt_period,
        cpu_realtime_runtime: given.cpu_rt_runtime.and_then(|time| i64::try_from(time).ok()),
        cpuset_cpus: given.cpuset.clone(),
        cpuset_mems: None,
        pids_limit: given.pids_limit.filter(|limit| *limit != 0).map(|limit| match u64::try_from(limit) {
            Ok(most) => PidsLimit::Max(most),
            Err(_) => PidsLimit::Unlimited,
        }),
        blkio_weight: block.weight,
        blkio_weight_device: block
            .weight_device
            .iter()
            .map(|device| BlkioDevice { path: (&device.path).into(), value: u64::from(device.weight) })
            .collect(),
        blkio_read_bps: rates(&block.device_read_bps),
        blkio_write_bps: rates(&block.device_write_bps),
        blkio_read_iops: rates(&block.device_read_iops),
        blkio_write_iops: rates(&block.device_write_iops),
        oom_kill_disable: given.oom_kill_disable,
        oom_score_adj: given.oom_score_adj,
        devices: service.security.devices.iter().map(device).collect::<Result<_, _>>()?,
        device_cgroup_rules: service.security.device_cgroup_rules.clone(),
        device_requests: Vec::new(),
        ulimits: given.ulimits.iter().map(|(name, limit)| ulimit(name, limit)).collect(),
    })
}

fn rates(rates: &[BlockRate]) -> Vec<BlkioDevice> {
    rates.iter().map(|rate| BlkioDevice { path: (&rate.path).into(), value: rate.rate }).collect()
}

fn device(device: &model::Device) -> Result<DeviceMapping, String> {
    if device.source.contains('=') {
        return Err(format!(
            "CDI devices are not supported yet: `{}`; name a path below /dev",
            device.source
        ));
    }
    let access = DeviceAccess::parse(&device.permissions);
    Ok(DeviceMapping {
        host: (&device.source).into(),
        container: (&device.target).into(),
        access: access.ok_or_else(|| format!("`{}` are no letters of rwm", device.permissions))?,
    })
}

/// -1 is unlimited.
fn ulimit(name: &str, limit: &model::Ulimit) -> Ulimit {
    Ulimit {
        name: name.to_owned(),
        soft: u64::try_from(limit.soft).ok(),
        hard: u64::try_from(limit.hard).ok(),
    }
}
