//! OCI resources → v1 control files.

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxHugepageLimit, LinuxMemory, LinuxNetwork, LinuxPids, LinuxThrottleDevice,
};

use super::setting::Setting;

pub(super) fn cpu(cpu: &LinuxCpu) -> Vec<Setting> {
    let set = |file: &str, value: Option<String>| value.map(|value| Setting::new("cpu", file, value));
    let text = |value: Option<u64>| value.filter(|n| *n != 0).map(|n| n.to_string());
    let signed = |value: Option<i64>| value.filter(|n| *n != 0).map(|n| n.to_string());
    let all = [
        set("cpu.shares", text(cpu.shares())),
        set("cpu.idle", cpu.idle().map(|n| n.to_string())),
        set("cpu.cfs_period_us", text(cpu.period())),
        set("cpu.cfs_burst_us", cpu.burst().map(|n| n.to_string())),
        set("cpu.cfs_quota_us", signed(cpu.quota())),
        set("cpu.rt_period_us", text(cpu.realtime_period())),
        set("cpu.rt_runtime_us", signed(cpu.realtime_runtime())),
    ];
    all.into_iter().flatten().collect()
}

pub(super) fn cpuset(cpu: &LinuxCpu) -> Vec<Setting> {
    let cpus = cpu.cpus().as_deref().filter(|list| !list.is_empty());
    let mems = cpu.mems().as_deref().filter(|list| !list.is_empty());
    let cpus = cpus.map(|list| Setting::new("cpuset", "cpuset.cpus", list));
    cpus.into_iter().chain(mems.map(|list| Setting::new("cpuset", "cpuset.mems", list))).collect()
}

pub(super) fn memory(memory: &LinuxMemory) -> Vec<Setting> {
    let given = |value: Option<i64>| value.filter(|n| *n != 0);
    let limit = given(memory.limit());
    // Without a limit for memory there can be none for memory and swap together.
    let swap = given(memory.swap()).or(limit.filter(|n| *n == -1));
    let set = |file: &str, value: Option<i64>| value.map(|value| Setting::new("memory", file, value));
    let swap = set("memory.memsw.limit_in_bytes", swap).map(|setting| {
        setting.dispensable("swap cannot be limited: the kernel runs without swap accounting (swapaccount=1)")
    });
    let swappiness = memory.swappiness().and_then(|n| i64::try_from(n).ok());
    let oom = memory.disable_oom_killer().unwrap_or(false).then_some(1);
    let kernel = set("memory.kmem.limit_in_bytes", given(memory.kernel())).map(|setting| {
        setting.dispensable("kernel memory cannot be limited: the kernel has dropped that limit")
    });
    let all = [
        set("memory.limit_in_bytes", limit),
        swap,
        set("memory.soft_limit_in_bytes", given(memory.reservation())),
        set("memory.swappiness", swappiness),
        set("memory.oom_control", oom),
        kernel,
        set("memory.kmem.tcp.limit_in_bytes", given(memory.kernel_tcp())),
    ];
    all.into_iter().flatten().collect()
}

pub(super) fn pids(pids: &LinuxPids) -> Vec<Setting> {
    match pids.limit() {
        0 => Vec::new(),
        ..0 => vec![Setting::new("pids", "pids.max", "max")],
        limit => vec![Setting::new("pids", "pids.max", limit)],
    }
}

pub(super) fn blkio(io: &LinuxBlockIo) -> Vec<Setting> {
    const NO_WEIGHT: &str = "block I/O weights have no effect: the kernel's I/O scheduler does not know them";
    let weight = io.weight().filter(|n| *n != 0).map(|weight| {
        Setting::new("blkio", "blkio.weight", weight).or("blkio.bfq.weight", weight).dispensable(NO_WEIGHT)
    });
    let leaf = io
        .leaf_weight()
        .filter(|n| *n != 0)
        .map(|weight| Setting::new("blkio", "blkio.leaf_weight", weight).dispensable(NO_WEIGHT));
    let mut all: Vec<_> = weight.into_iter().chain(leaf).collect();
    for device in io.weight_device().iter().flatten() {
        let rule = |weight: u16| format!("{}:{} {weight}", device.major(), device.minor());
        all.extend(device.weight().map(|weight| {
            Setting::new("blkio", "blkio.weight_device", rule(weight))
                .or("blkio.bfq.weight_device", rule(weight))
                .dispensable(NO_WEIGHT)
        }));
        all.extend(device.leaf_weight().map(|weight| {
            Setting::new("blkio", "blkio.leaf_weight_device", rule(weight)).dispensable(NO_WEIGHT)
        }));
    }
    let throttles = [
        ("blkio.throttle.read_bps_device", io.throttle_read_bps_device()),
        ("blkio.throttle.write_bps_device", io.throttle_write_bps_device()),
        ("blkio.throttle.read_iops_device", io.throttle_read_iops_device()),
        ("blkio.throttle.write_iops_device", io.throttle_write_iops_device()),
    ];
    all.extend(throttles.into_iter().flat_map(|(file, devices)| throttle(file, devices.as_deref())));
    all
}

fn throttle(file: &'static str, devices: Option<&[LinuxThrottleDevice]>) -> impl Iterator<Item = Setting> {
    devices.unwrap_or_default().iter().map(move |device| {
        Setting::new("blkio", file, format!("{}:{} {}", device.major(), device.minor(), device.rate()))
    })
}

pub(super) fn hugetlb(limits: &[LinuxHugepageLimit]) -> Vec<Setting> {
    let of = |limit: &LinuxHugepageLimit| {
        let file = |kind: &str| format!("hugetlb.{}.{kind}limit_in_bytes", limit.page_size());
        let reserved = Setting::new("hugetlb", file("rsvd."), limit.limit());
        [Setting::new("hugetlb", file(""), limit.limit()), reserved.dispensable("")]
    };
    limits.iter().flat_map(of).collect()
}

pub(super) fn network(network: &LinuxNetwork) -> Vec<Setting> {
    let class = network.class_id().map(|id| Setting::new("net_cls", "net_cls.classid", id));
    let priorities = network.priorities().iter().flatten().map(|one| {
        Setting::new("net_prio", "net_prio.ifpriomap", format!("{} {}", one.name(), one.priority()))
    });
    class.into_iter().chain(priorities).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(settings: &[Setting]) -> Vec<String> {
        settings.iter().map(|one| format!("{}={}", one.file, one.value)).collect()
    }

    #[test]
    fn memory_without_limit_takes_the_swap_limit_away_too() {
        let spec = serde_json::from_str(r#"{"limit":-1}"#).unwrap();
        assert_eq!(lines(&memory(&spec)), ["memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"]);
    }

    #[test]
    fn zeroes_are_values_not_given() {
        assert!(cpu(&serde_json::from_str(r#"{"shares":0,"quota":0,"period":0}"#).unwrap()).is_empty());
        assert!(memory(&serde_json::from_str(r#"{"limit":0,"swap":0}"#).unwrap()).is_empty());
        assert!(pids(&serde_json::from_str(r#"{"limit":0}"#).unwrap()).is_empty());
    }

    #[test]
    fn every_section_reaches_its_files() {
        let spec =
            serde_json::from_str(r#"{"shares":512,"quota":-1,"period":100000,"cpus":"0-1","mems":"0"}"#)
                .unwrap();
        assert_eq!(lines(&cpu(&spec)), ["cpu.shares=512", "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=-1"]);
        assert_eq!(lines(&cpuset(&spec)), ["cpuset.cpus=0-1", "cpuset.mems=0"]);
        assert_eq!(lines(&pids(&serde_json::from_str(r#"{"limit":-1}"#).unwrap())), ["pids.max=max"]);
        let io = r#"{"weight":300,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1048576}]}"#;
        assert_eq!(
            lines(&blkio(&serde_json::from_str(io).unwrap())),
            ["blkio.weight=300", "blkio.throttle.read_bps_device=8:0 1048576"]
        );
        let huge = serde_json::from_str(r#"{"pageSize":"2MB","limit":4194304}"#).unwrap();
        assert_eq!(lines(&hugetlb(&[huge]))[0], "hugetlb.2MB.limit_in_bytes=4194304");
    }
}
