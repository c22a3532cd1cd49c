//! OCI resources → v2 control files.

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxHugepageLimit, LinuxMemory, LinuxPids, LinuxThrottleDevice,
};

use super::CgroupError;
use super::convert::{SwapError, cpu_weight, io_weight, swap_beside_memory};
use super::setting::Setting;

pub(super) fn cpu(cpu: &LinuxCpu) -> Vec<Setting> {
    let weight = cpu.shares().filter(|n| *n != 0).map(|n| Setting::new("cpu", "cpu.weight", cpu_weight(n)));
    let idle = cpu.idle().map(|n| Setting::new("cpu", "cpu.idle", n));
    let burst = cpu.burst().map(|n| Setting::new("cpu", "cpu.max.burst", n));
    // An idle group has no weight: the kernel refuses one.
    let weight = weight.filter(|_| cpu.idle() != Some(1));
    weight.into_iter().chain(idle).chain(maximum(cpu)).chain(burst).collect()
}

/// The file takes `quota period`, or a quota alone.
fn maximum(cpu: &LinuxCpu) -> Option<Setting> {
    let quota = cpu.quota().filter(|n| *n != 0);
    let period = cpu.period().filter(|n| *n != 0);
    let limit = quota.filter(|n| *n > 0).map_or("max".to_owned(), |n| n.to_string());
    match (quota, period) {
        (None, None) => None,
        (_, None) => Some(Setting::new("cpu", "cpu.max", limit)),
        (_, Some(period)) => Some(Setting::new("cpu", "cpu.max", format!("{limit} {period}"))),
    }
}

pub(super) fn cpuset(cpu: &LinuxCpu) -> Vec<Setting> {
    super::v1::cpuset(cpu)
}

pub(super) fn memory(memory: &LinuxMemory) -> Result<Vec<Setting>, CgroupError> {
    const NO_SWAP: &str = "swap cannot be limited: the kernel runs without swap accounting";
    let limit = memory.limit().unwrap_or(0);
    let swap = memory.swap().unwrap_or(0);
    let beside = swap_beside_memory(swap, limit).map_err(|error| CgroupError::Invalid {
        what: match error {
            SwapError::NoMemoryLimit => "the limit for memory and swap, without one for memory,",
            SwapError::BelowMemory => "the limit for memory and swap, below the one for memory,",
        },
        value: swap.to_string(),
    })?;
    let text = |n: i64| if n == -1 { "max".to_owned() } else { n.to_string() };
    let set = |file: &str, value: Option<i64>| value.map(|n| Setting::new("memory", file, text(n)));
    // "No limit" needs no accounting.
    let beside = set("memory.swap.max", beside)
        .map(|one| one.dispensable(if beside == Some(-1) { "" } else { NO_SWAP }));
    let reservation = set("memory.low", memory.reservation().filter(|n| *n != 0));
    Ok([set("memory.max", Some(limit).filter(|n| *n != 0)), beside, reservation]
        .into_iter()
        .flatten()
        .collect())
}

/// What v2 has no file for.
pub(super) fn memory_losses(memory: &LinuxMemory) -> Vec<String> {
    let swappiness = memory.swappiness().map(|_| "memory swappiness");
    let oom = memory.disable_oom_killer().filter(|disable| *disable).map(|_| "disabling the OOM killer");
    let kernel = memory.kernel().or(memory.kernel_tcp()).filter(|n| *n != 0).map(|_| "a kernel memory limit");
    let lost = [swappiness, oom, kernel].into_iter().flatten();
    lost.map(|what| format!("{what} has no effect on cgroup v2")).collect()
}

pub(super) fn pids(pids: &LinuxPids) -> Vec<Setting> {
    super::v1::pids(pids)
}

pub(super) fn io(io: &LinuxBlockIo) -> Vec<Setting> {
    const NO_WEIGHT: &str = "block I/O weights have no effect: the kernel's I/O scheduler does not know them";
    let weight = io.weight().filter(|n| *n != 0).map(|weight| {
        Setting::new("io", "io.bfq.weight", weight).or("io.weight", io_weight(weight)).dispensable(NO_WEIGHT)
    });
    let mut all: Vec<_> = weight.into_iter().collect();
    for device in io.weight_device().iter().flatten() {
        let node = format!("{}:{}", device.major(), device.minor());
        all.extend(device.weight().map(|weight| {
            Setting::new("io", "io.bfq.weight", format!("{node} {weight}"))
                .or("io.weight", format!("{node} {}", io_weight(weight)))
                .dispensable(NO_WEIGHT)
        }));
    }
    let throttles = [
        ("rbps", io.throttle_read_bps_device()),
        ("wbps", io.throttle_write_bps_device()),
        ("riops", io.throttle_read_iops_device()),
        ("wiops", io.throttle_write_iops_device()),
    ];
    all.extend(throttles.into_iter().flat_map(|(key, devices)| throttle(key, devices.as_deref())));
    all
}

fn throttle(key: &'static str, devices: Option<&[LinuxThrottleDevice]>) -> impl Iterator<Item = Setting> {
    devices.unwrap_or_default().iter().map(move |device| {
        let rate = if device.rate() == 0 { "max".to_owned() } else { device.rate().to_string() };
        Setting::new("io", "io.max", format!("{}:{} {key}={rate}", device.major(), device.minor()))
    })
}

pub(super) fn hugetlb(limits: &[LinuxHugepageLimit]) -> Vec<Setting> {
    let of = |limit: &LinuxHugepageLimit| {
        let file = |kind: &str| format!("hugetlb.{}.{kind}max", limit.page_size());
        let reserved = Setting::new("hugetlb", file("rsvd."), limit.limit());
        [Setting::new("hugetlb", file(""), limit.limit()), reserved.dispensable("")]
    };
    limits.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(settings: &[Setting]) -> Vec<String> {
        settings.iter().map(|one| format!("{}={}", one.file, one.value)).collect()
    }

    fn memory_lines(json: &str) -> Vec<String> {
        lines(&memory(&serde_json::from_str(json).unwrap()).unwrap())
    }

    #[test]
    fn processor_limits_are_converted() {
        let all = |json| lines(&cpu(&serde_json::from_str(json).unwrap()));
        assert_eq!(all(r#"{"shares":1024}"#), ["cpu.weight=100"]);
        assert_eq!(all(r#"{"quota":50000,"period":100000}"#), ["cpu.max=50000 100000"]);
        assert_eq!(all(r#"{"quota":50000}"#), ["cpu.max=50000"]);
        assert_eq!(all(r#"{"quota":-1,"period":100000}"#), ["cpu.max=max 100000"]);
        assert_eq!(all(r#"{"idle":1,"shares":2}"#), ["cpu.idle=1"]);
        assert!(all("{}").is_empty());
    }

    #[test]
    fn swap_is_limited_beside_memory() {
        assert_eq!(memory_lines(r#"{"limit":100,"swap":300}"#), ["memory.max=100", "memory.swap.max=200"]);
        assert_eq!(memory_lines(r#"{"limit":100,"swap":-1}"#), ["memory.max=100", "memory.swap.max=max"]);
        assert_eq!(memory_lines(r#"{"limit":-1}"#), ["memory.max=max", "memory.swap.max=max"]);
        assert_eq!(memory_lines(r#"{"limit":100,"reservation":50}"#), ["memory.max=100", "memory.low=50"]);
        assert!(memory(&serde_json::from_str(r#"{"limit":100,"swap":50}"#).unwrap()).is_err());
    }

    #[test]
    fn what_v2_does_not_have_is_named() {
        let spec = serde_json::from_str(r#"{"swappiness":10,"disableOOMKiller":true}"#).unwrap();
        assert_eq!(
            memory_losses(&spec),
            [
                "memory swappiness has no effect on cgroup v2",
                "disabling the OOM killer has no effect on cgroup v2"
            ]
        );
    }

    #[test]
    fn throttles_share_one_file() {
        let spec = r#"{"weight":500,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":9}],
                       "throttleWriteIOPSDevice":[{"major":8,"minor":16,"rate":0}]}"#;
        assert_eq!(
            lines(&io(&serde_json::from_str(spec).unwrap())),
            ["io.bfq.weight=500", "io.max=8:0 rbps=9", "io.max=8:16 wiops=max"]
        );
    }
}
