//! Measurements.

use super::signed;
use bollard_stubs::models::{
    ContainerBlkioStatEntry, ContainerBlkioStats, ContainerCpuStats, ContainerCpuUsage, ContainerMemoryStats,
    ContainerNetworkStats, ContainerPidsStats, ContainerStatsResponse, ContainerThrottlingData,
};
use engine::snapshot::{CpuStats, InterfaceStats, MemoryStats, StatsSample};

/// A measurement with the one before it, as `docker stats` compares them.
pub(crate) fn response(
    id: &str,
    name: &str,
    sample: &StatsSample,
    before: &StatsSample,
) -> ContainerStatsResponse {
    ContainerStatsResponse {
        id: Some(id.to_owned()),
        name: Some(format!("/{name}")),
        os_type: Some("linux".to_owned()),
        read: sample.read,
        preread: before.read,
        cpu_stats: Some(cpu(&sample.cpu)),
        precpu_stats: Some(cpu(&before.cpu)),
        memory_stats: Some(memory(&sample.memory)),
        networks: (!sample.networks.is_empty())
            .then(|| sample.networks.iter().map(|(name, stats)| (name.clone(), interface(stats))).collect()),
        pids_stats: Some(ContainerPidsStats { current: Some(sample.pids.current), limit: sample.pids.limit }),
        blkio_stats: Some(ContainerBlkioStats {
            io_service_bytes_recursive: Some(sample.blkio.bytes.iter().map(entry).collect()),
            io_serviced_recursive: Some(sample.blkio.operations.iter().map(entry).collect()),
            ..ContainerBlkioStats::default()
        }),
        num_procs: Some(0),
        ..ContainerStatsResponse::default()
    }
}

fn cpu(stats: &CpuStats) -> ContainerCpuStats {
    ContainerCpuStats {
        cpu_usage: Some(ContainerCpuUsage {
            total_usage: Some(stats.total),
            percpu_usage: (!stats.per_cpu.is_empty()).then(|| stats.per_cpu.clone()),
            usage_in_kernelmode: Some(stats.kernel),
            usage_in_usermode: Some(stats.user),
        }),
        system_cpu_usage: (stats.system > 0).then_some(stats.system),
        online_cpus: (stats.online > 0).then_some(stats.online),
        throttling_data: Some(ContainerThrottlingData {
            periods: Some(stats.periods),
            throttled_periods: Some(stats.throttled_periods),
            throttled_time: Some(stats.throttled_time),
        }),
    }
}

fn memory(stats: &MemoryStats) -> ContainerMemoryStats {
    ContainerMemoryStats {
        usage: Some(stats.usage),
        max_usage: stats.max_usage,
        stats: Some(stats.detail.iter().map(|(key, value)| (key.clone(), *value)).collect()),
        failcnt: stats.failures,
        limit: Some(stats.limit.min(signed(u64::MAX).unsigned_abs())),
        ..ContainerMemoryStats::default()
    }
}

fn interface(stats: &InterfaceStats) -> ContainerNetworkStats {
    ContainerNetworkStats {
        rx_bytes: Some(stats.rx_bytes),
        rx_packets: Some(stats.rx_packets),
        rx_errors: Some(stats.rx_errors),
        rx_dropped: Some(stats.rx_dropped),
        tx_bytes: Some(stats.tx_bytes),
        tx_packets: Some(stats.tx_packets),
        tx_errors: Some(stats.tx_errors),
        tx_dropped: Some(stats.tx_dropped),
        ..ContainerNetworkStats::default()
    }
}

fn entry((major, minor, operation, value): &(u64, u64, String, u64)) -> ContainerBlkioStatEntry {
    ContainerBlkioStatEntry {
        major: Some(*major),
        minor: Some(*minor),
        op: Some(operation.clone()),
        value: Some(*value),
    }
}
