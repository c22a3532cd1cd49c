//! Limits, devices and ulimits.

use super::config::HostDevice;
use crate::spec::{BlkioDevice, MemorySwap, PidsLimit, Resources, Ulimit};
use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxDeviceCgroup, LinuxDeviceCgroupBuilder, LinuxDeviceType, LinuxMemory,
    LinuxPidsBuilder, LinuxResources, LinuxThrottleDevice, LinuxThrottleDeviceBuilder, LinuxWeightDevice,
    LinuxWeightDeviceBuilder, PosixRlimit, PosixRlimitBuilder, PosixRlimitType,
};
use std::path::Path;

/// A limit that cannot be expressed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LimitError {
    /// No such ulimit.
    #[error("invalid ulimit type: {0}")]
    UnknownUlimit(String),
    /// A device for an I/O limit is not there.
    #[error("{0} is not a block device of this host")]
    NotABlockDevice(String),
    /// A device rule that cannot be read.
    #[error("invalid device cgroup rule {0:?}: write it as \"c 1:3 rwm\"")]
    DeviceRule(String),
}

const CPU_PERIOD: u64 = 100_000;

/// The character devices of every container, as (major, minor): Docker's list.
const DEFAULT_DEVICES: [(i64, Option<i64>); 9] = [
    (1, Some(5)),
    (1, Some(3)),
    (1, Some(9)),
    (1, Some(8)),
    (5, Some(0)),
    (5, Some(1)),
    (5, Some(2)),
    (136, None),
    (1, Some(7)),
];

/// Everything the control group enforces. `device_numbers` finds the block device of a path.
pub(super) fn resources(
    limits: &Resources,
    privileged: bool,
    devices: &[HostDevice],
    device_numbers: &dyn Fn(&Path) -> Option<(i64, i64)>,
) -> Result<LinuxResources, LimitError> {
    let mut all = control_group(limits, device_numbers)?;
    all.set_devices(Some(device_rules(limits, privileged, devices)?));
    Ok(all)
}

/// As [`resources`], without the device allowlist.
pub(crate) fn control_group(
    limits: &Resources,
    device_numbers: &dyn Fn(&Path) -> Option<(i64, i64)>,
) -> Result<LinuxResources, LimitError> {
    let mut all = LinuxResources::default();
    all.set_devices(None);
    all.set_memory(memory(limits));
    all.set_cpu(cpu(limits));
    let pids = match limits.pids_limit {
        None => None,
        Some(PidsLimit::Max(count)) => Some(i64::try_from(count).unwrap_or(i64::MAX)),
        Some(PidsLimit::Unlimited) => Some(-1),
    };
    all.set_pids(pids.and_then(|limit| LinuxPidsBuilder::default().limit(limit).build().ok()));
    all.set_block_io(block_io(limits, device_numbers)?);
    Ok(all)
}

fn memory(limits: &Resources) -> Option<LinuxMemory> {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let mut memory = LinuxMemory::default();
    memory.set_limit(limits.memory.map(signed));
    memory.set_reservation(limits.memory_reservation.map(signed));
    memory.set_swap(match (limits.memory_swap, limits.memory) {
        (Some(MemorySwap::Unlimited), _) => Some(-1),
        (Some(MemorySwap::Bytes(bytes)), _) => Some(signed(bytes)),
        (None, Some(bytes)) => Some(signed(bytes.saturating_mul(2))),
        (None, None) => None,
    });
    memory.set_swappiness(limits.memory_swappiness);
    memory.set_disable_oom_killer(limits.oom_kill_disable.then_some(true));
    (memory != LinuxMemory::default()).then_some(memory)
}

fn cpu(limits: &Resources) -> Option<LinuxCpu> {
    let mut cpu = LinuxCpu::default();
    cpu.set_shares(limits.cpu_shares);
    match limits.nano_cpus {
        Some(nano) => {
            cpu.set_period(Some(CPU_PERIOD));
            cpu.set_quota(i64::try_from(u128::from(nano) * u128::from(CPU_PERIOD) / 1_000_000_000).ok());
        }
        None => {
            cpu.set_period(limits.cpu_period);
            cpu.set_quota(limits.cpu_quota);
        }
    }
    cpu.set_realtime_period(limits.cpu_realtime_period);
    cpu.set_realtime_runtime(limits.cpu_realtime_runtime);
    cpu.set_cpus(limits.cpuset_cpus.clone());
    cpu.set_mems(limits.cpuset_mems.clone());
    (cpu != LinuxCpu::default()).then_some(cpu)
}

fn block_io(
    limits: &Resources,
    numbers: &dyn Fn(&Path) -> Option<(i64, i64)>,
) -> Result<Option<LinuxBlockIo>, LimitError> {
    let mut io = LinuxBlockIo::default();
    io.set_weight(limits.blkio_weight);
    let throttles = |devices: &[BlkioDevice]| -> Result<Option<Vec<LinuxThrottleDevice>>, LimitError> {
        let made: Result<Vec<_>, _> = devices.iter().map(|device| throttle(device, numbers)).collect();
        made.map(|list| (!list.is_empty()).then_some(list))
    };
    io.set_throttle_read_bps_device(throttles(&limits.blkio_read_bps)?);
    io.set_throttle_write_bps_device(throttles(&limits.blkio_write_bps)?);
    io.set_throttle_read_iops_device(throttles(&limits.blkio_read_iops)?);
    io.set_throttle_write_iops_device(throttles(&limits.blkio_write_iops)?);
    let weights: Result<Vec<_>, _> =
        limits.blkio_weight_device.iter().map(|device| weight(device, numbers)).collect();
    io.set_weight_device(Some(weights?).filter(|list| !list.is_empty()));
    Ok((io != LinuxBlockIo::default()).then_some(io))
}

fn block_device(
    device: &BlkioDevice,
    numbers: &dyn Fn(&Path) -> Option<(i64, i64)>,
) -> Result<(i64, i64), LimitError> {
    numbers(&device.path).ok_or_else(|| LimitError::NotABlockDevice(device.path.display().to_string()))
}

fn throttle(
    device: &BlkioDevice,
    numbers: &dyn Fn(&Path) -> Option<(i64, i64)>,
) -> Result<LinuxThrottleDevice, LimitError> {
    let (major, minor) = block_device(device, numbers)?;
    let built = LinuxThrottleDeviceBuilder::default().major(major).minor(minor).rate(device.value).build();
    built.map_err(|_| LimitError::NotABlockDevice(device.path.display().to_string()))
}

fn weight(
    device: &BlkioDevice,
    numbers: &dyn Fn(&Path) -> Option<(i64, i64)>,
) -> Result<LinuxWeightDevice, LimitError> {
    let (major, minor) = block_device(device, numbers)?;
    let weight = u16::try_from(device.value).unwrap_or(u16::MAX);
    let built = LinuxWeightDeviceBuilder::default().major(major).minor(minor).weight(weight).build();
    built.map_err(|_| LimitError::NotABlockDevice(device.path.display().to_string()))
}

fn allow(
    typ: LinuxDeviceType,
    major: Option<i64>,
    minor: Option<i64>,
    access: &str,
) -> Option<LinuxDeviceCgroup> {
    let mut builder = LinuxDeviceCgroupBuilder::default().allow(true).typ(typ).access(access);
    if let Some(major) = major {
        builder = builder.major(major);
    }
    if let Some(minor) = minor {
        builder = builder.minor(minor);
    }
    builder.build().ok()
}

fn device_rules(
    limits: &Resources,
    privileged: bool,
    devices: &[HostDevice],
) -> Result<Vec<LinuxDeviceCgroup>, LimitError> {
    if privileged {
        return Ok(allow(LinuxDeviceType::A, None, None, "rwm").into_iter().collect());
    }
    let mut rules = Vec::new();
    rules.extend(
        LinuxDeviceCgroupBuilder::default().allow(false).typ(LinuxDeviceType::A).access("rwm").build().ok(),
    );
    rules.extend(allow(LinuxDeviceType::C, None, None, "m"));
    rules.extend(allow(LinuxDeviceType::B, None, None, "m"));
    for (major, minor) in DEFAULT_DEVICES {
        rules.extend(allow(LinuxDeviceType::C, Some(major), minor, "rwm"));
    }
    for device in devices {
        let kind = if device.block { LinuxDeviceType::B } else { LinuxDeviceType::C };
        rules.extend(allow(kind, Some(device.major), Some(device.minor), &device.access));
    }
    for rule in &limits.device_cgroup_rules {
        rules.push(parse_rule(rule).ok_or_else(|| LimitError::DeviceRule(rule.clone()))?);
    }
    Ok(rules)
}

/// `c 1:3 rwm`, with `*` for any number and `a` for every device.
fn parse_rule(text: &str) -> Option<LinuxDeviceCgroup> {
    let mut words = text.split_whitespace();
    let typ = match words.next()? {
        "a" => LinuxDeviceType::A,
        "b" => LinuxDeviceType::B,
        "c" => LinuxDeviceType::C,
        _ => return None,
    };
    let (major, minor) = words.next()?.split_once(':')?;
    let access = words.next()?;
    let number = |text: &str| if text == "*" { Some(None) } else { text.parse::<i64>().ok().map(Some) };
    let plain = !access.is_empty() && access.chars().all(|letter| "rwm".contains(letter));
    (plain && words.next().is_none()).then(|| allow(typ, number(major)?, number(minor)?, access)).flatten()
}

/// The rlimits of the process.
pub(super) fn rlimits(limits: &[Ulimit]) -> Result<Vec<PosixRlimit>, LimitError> {
    limits.iter().map(rlimit).collect()
}

fn rlimit(limit: &Ulimit) -> Result<PosixRlimit, LimitError> {
    use PosixRlimitType as T;
    let unknown = || LimitError::UnknownUlimit(limit.name.clone());
    let typ = match limit.name.trim_start_matches("RLIMIT_").to_ascii_lowercase().as_str() {
        "core" => T::RlimitCore,
        "cpu" => T::RlimitCpu,
        "data" => T::RlimitData,
        "fsize" => T::RlimitFsize,
        "locks" => T::RlimitLocks,
        "memlock" => T::RlimitMemlock,
        "msgqueue" => T::RlimitMsgqueue,
        "nice" => T::RlimitNice,
        "nofile" => T::RlimitNofile,
        "nproc" => T::RlimitNproc,
        "rss" => T::RlimitRss,
        "rtprio" => T::RlimitRtprio,
        "sigpending" => T::RlimitSigpending,
        "stack" => T::RlimitStack,
        "as" => T::RlimitAs,
        _ => return Err(unknown()),
    };
    let (soft, hard) = (limit.soft.unwrap_or(u64::MAX), limit.hard.unwrap_or(u64::MAX));
    PosixRlimitBuilder::default().typ(typ).soft(soft).hard(hard).build().map_err(|_| unknown())
}
