//! Limits, devices, restart policy and log.

use super::{list, text, unsigned};
use crate::error::BadRequest;
use bollard_stubs::models::{self, HostConfig, RestartPolicyNameEnum};
use engine::spec::{
    BlkioDevice, DeviceAccess, DeviceMapping, DeviceRequest, LogConfig, LogDriver, MemorySwap, PidsLimit,
    Resources, RestartPolicy, Ulimit,
};
use std::path::PathBuf;

/// The least memory that a container is limited to, as in Docker: below it none can be started, in bytes.
const LEAST_MEMORY: u64 = 6 << 20;

fn memory(limit: Option<i64>) -> Result<Option<u64>, BadRequest> {
    match unsigned("Memory", limit)? {
        Some(bytes) if bytes < LEAST_MEMORY => {
            Err(BadRequest::field("Memory", "Minimum memory limit allowed is 6MB"))
        }
        limit => Ok(limit),
    }
}

/// Limits and devices of a host configuration.
pub(crate) fn resources(host: &HostConfig) -> Result<Resources, BadRequest> {
    Ok(Resources {
        memory: memory(host.memory)?,
        memory_reservation: unsigned("MemoryReservation", host.memory_reservation)?,
        memory_swap: match host.memory_swap {
            Some(-1) => Some(MemorySwap::Unlimited),
            other => unsigned("MemorySwap", other)?.map(MemorySwap::Bytes),
        },
        memory_swappiness: match host.memory_swappiness {
            None | Some(-1) => None,
            Some(value) => {
                Some(u64::try_from(value).ok().filter(|value| *value <= 100).ok_or_else(|| {
                    BadRequest::field("MemorySwappiness", format!("{value} is not between 0 and 100"))
                })?)
            }
        },
        nano_cpus: unsigned("NanoCpus", host.nano_cpus)?,
        cpu_shares: unsigned("CpuShares", host.cpu_shares)?,
        cpu_period: unsigned("CpuPeriod", host.cpu_period)?,
        cpu_quota: host.cpu_quota.filter(|quota| *quota != 0),
        cpu_realtime_period: unsigned("CpuRealtimePeriod", host.cpu_realtime_period)?,
        cpu_realtime_runtime: host.cpu_realtime_runtime.filter(|runtime| *runtime != 0),
        cpuset_cpus: text(&host.cpuset_cpus),
        cpuset_mems: text(&host.cpuset_mems),
        pids_limit: match host.pids_limit {
            None | Some(0) => None,
            Some(limit) => Some(u64::try_from(limit).map_or(PidsLimit::Unlimited, PidsLimit::Max)),
        },
        blkio_weight: host.blkio_weight.filter(|weight| *weight != 0),
        blkio_weight_device: weights(host),
        blkio_read_bps: rates(&host.blkio_device_read_bps),
        blkio_write_bps: rates(&host.blkio_device_write_bps),
        blkio_read_iops: rates(&host.blkio_device_read_iops),
        blkio_write_iops: rates(&host.blkio_device_write_iops),
        oom_kill_disable: host.oom_kill_disable.unwrap_or_default(),
        oom_score_adj: host
            .oom_score_adj
            .filter(|score| *score != 0)
            .and_then(|score| i32::try_from(score).ok()),
        devices: host.devices.iter().flatten().map(device).collect::<Result<_, _>>()?,
        device_cgroup_rules: list(&host.device_cgroup_rules),
        device_requests: host.device_requests.iter().flatten().map(device_request).collect(),
        ulimits: host.ulimits.iter().flatten().map(ulimit).collect(),
    })
}

fn weights(host: &HostConfig) -> Vec<BlkioDevice> {
    let devices = host.blkio_weight_device.iter().flatten();
    devices
        .map(|device| BlkioDevice {
            path: PathBuf::from(device.path.clone().unwrap_or_default()),
            value: device.weight.unwrap_or_default() as u64,
        })
        .collect()
}

fn rates(devices: &Option<Vec<models::ThrottleDevice>>) -> Vec<BlkioDevice> {
    let devices = devices.iter().flatten();
    devices
        .map(|device| BlkioDevice {
            path: PathBuf::from(device.path.clone().unwrap_or_default()),
            value: device.rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or_default(),
        })
        .collect()
}

fn device(mapping: &models::DeviceMapping) -> Result<DeviceMapping, BadRequest> {
    let host = PathBuf::from(mapping.path_on_host.clone().unwrap_or_default());
    let access = mapping.cgroup_permissions.as_deref().unwrap_or_default();
    Ok(DeviceMapping {
        container: text(&mapping.path_in_container).map_or_else(|| host.clone(), PathBuf::from),
        host,
        access: DeviceAccess::parse(access).ok_or_else(|| {
            BadRequest::field("Devices", format!("{access:?} is not a combination of r, w and m"))
        })?,
    })
}

fn device_request(request: &models::DeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: request.driver.clone().unwrap_or_default(),
        count: request.count.unwrap_or_default(),
        device_ids: list(&request.device_ids),
        capabilities: request.capabilities.clone().unwrap_or_default(),
    }
}

fn ulimit(limit: &models::ResourcesUlimits) -> Ulimit {
    let bound = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
    Ulimit { name: limit.name.clone().unwrap_or_default(), soft: bound(limit.soft), hard: bound(limit.hard) }
}

/// The restart policy of a host configuration.
pub(crate) fn restart(host: &HostConfig) -> Result<RestartPolicy, BadRequest> {
    let Some(policy) = &host.restart_policy else { return Ok(RestartPolicy::No) };
    let count = policy.maximum_retry_count.unwrap_or_default();
    let retries = u32::try_from(count)
        .map_err(|_| BadRequest::field("RestartPolicy", "the maximum retry count cannot be negative"))?;
    let name = policy.name.unwrap_or(RestartPolicyNameEnum::EMPTY);
    if retries > 0 && name != RestartPolicyNameEnum::ON_FAILURE {
        return Err(BadRequest::field(
            "RestartPolicy",
            "the maximum retry count can only be used with \"on-failure\"",
        ));
    }
    Ok(match name {
        RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO => RestartPolicy::No,
        RestartPolicyNameEnum::ALWAYS => RestartPolicy::Always,
        RestartPolicyNameEnum::UNLESS_STOPPED => RestartPolicy::UnlessStopped,
        RestartPolicyNameEnum::ON_FAILURE => {
            RestartPolicy::OnFailure { max: (retries > 0).then_some(retries) }
        }
    })
}

pub(super) fn log(host: &HostConfig) -> Result<LogConfig, BadRequest> {
    let config = host.log_config.clone().unwrap_or_default();
    let driver = match config.typ.as_deref().unwrap_or_default() {
        "" | "json-file" => LogDriver::JsonFile,
        "none" => LogDriver::None,
        other => {
            return Err(BadRequest::field(
                "LogConfig",
                format!("{other:?}: the drivers are json-file and none"),
            ));
        }
    };
    let mut log = LogConfig { driver, ..LogConfig::default() };
    for (key, value) in config.config.iter().flatten() {
        let wrong = || BadRequest::field("LogConfig", format!("{key}={value} cannot be read"));
        match key.as_str() {
            "max-size" => log.max_size = size(value).ok_or_else(wrong)?,
            "max-file" => log.max_file = value.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?,
            "mode" | "max-buffer-size" | "compress" | "labels" | "labels-regex" | "env" | "env-regex"
            | "tag" => {}
            _ => {
                return Err(BadRequest::field(
                    "LogConfig",
                    format!("unknown log option {key:?} for json-file"),
                ));
            }
        }
    }
    Ok(log)
}

/// `10m`, `1g`, `512k`, bytes; `-1` is no limit.
#[allow(clippy::option_option)]
fn size(text: &str) -> Option<Option<u64>> {
    if text == "-1" {
        return Some(None);
    }
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match lower[digits.len()..].trim_end_matches('b') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Some)
}
