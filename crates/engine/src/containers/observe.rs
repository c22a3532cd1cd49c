//! What a running container uses and which processes it has.

use crate::{
    Engine,
    error::EngineError,
    feed::Feed,
    id::ContainerId,
    op::ProcessTable,
    snapshot::{BlkioStats, CpuStats, InterfaceStats, MemoryStats, PidsStats, StatsSample},
};
use container::cgroup::Cgroup;
use std::{collections::BTreeMap, fs, time::Duration};
use time::OffsetDateTime;

/// Time between two measurements of a stream, as Docker's.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// Clock ticks of /proc/stat in nanoseconds (USER_HZ is 100 on every architecture).
const TICK: u64 = 10_000_000;

impl Engine {
    /// The processes of a running container.
    pub async fn top(&self, reference: &str, ps_args: &[String]) -> Result<ProcessTable, EngineError> {
        let id = self.state().find(reference)?;
        let cgroup = self.running_cgroup(&id)?;
        let arguments = ps_args.to_vec();
        self.blocking(move |_| {
            let top = container::top::top(&cgroup, &arguments);
            let top = top.map_err(|error| EngineError::BadParameter(crate::chain(&error)))?;
            Ok(ProcessTable { titles: top.titles, rows: top.processes })
        })
        .await
    }

    fn running_cgroup(&self, id: &ContainerId) -> Result<Cgroup, EngineError> {
        let state = self.state();
        let container = state.container(id)?;
        if !container.state.phase.is_running() {
            return Err(container.wrong_state("it has no processes"));
        }
        Ok(Cgroup::existing(&Self::cgroup_path(&container.record)))
    }

    /// One measurement; an empty one for a container that does not run.
    pub async fn stats(&self, reference: &str) -> Result<StatsSample, EngineError> {
        let id = self.state().find(reference)?;
        self.blocking(move |engine| engine.sample(&id)).await
    }

    /// A measurement each second, until the container is removed or nobody reads any more.
    pub async fn stats_stream(&self, reference: &str) -> Result<Feed<StatsSample>, EngineError> {
        let id = self.state().find(reference)?;
        let (sender, feed) = Feed::new(1);
        let engine = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SAMPLE_INTERVAL);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = sender.closed() => return,
                }
                let target = id.clone();
                let Ok(sample) = engine.blocking(move |engine| engine.sample(&target)).await else { return };
                if sender.send(sample).await.is_err() {
                    return;
                }
            }
        });
        Ok(feed)
    }

    fn sample(&self, id: &ContainerId) -> Result<StatsSample, EngineError> {
        let pid =
            self.look(id, |container| container.pid().filter(|_| container.state.phase.is_running()))?;
        let Some(pid) = pid else { return Ok(StatsSample::default()) };
        let measured = self.running_cgroup(id)?.stats()?;
        let system = fs::read_to_string("/proc/stat").unwrap_or_default();
        let host_memory = crate::system::memory_total();
        Ok(StatsSample {
            read: Some(OffsetDateTime::now_utc()),
            cpu: CpuStats {
                total: measured.cpu.total,
                user: measured.cpu.user,
                kernel: measured.cpu.system,
                per_cpu: measured.cpu.per_cpu,
                system: system_time(&system),
                online: u32::try_from(std::thread::available_parallelism().map_or(1, Into::into))
                    .unwrap_or(1),
                periods: measured.cpu.periods,
                throttled_periods: measured.cpu.throttled_periods,
                throttled_time: measured.cpu.throttled,
            },
            memory: MemoryStats {
                usage: measured.memory.usage,
                max_usage: Some(measured.memory.max_usage).filter(|bytes| *bytes > 0),
                limit: measured.memory.limit.min(host_memory),
                failures: Some(measured.memory.failcnt),
                detail: measured.memory.stat,
            },
            pids: PidsStats { current: measured.pids.current, limit: measured.pids.limit },
            blkio: blkio(measured.blkio),
            networks: interfaces(pid),
        })
    }
}

fn blkio(measured: container::cgroup::BlkioStats) -> BlkioStats {
    let mut stats = BlkioStats::default();
    for entry in measured.entries {
        stats.bytes.push((entry.major, entry.minor, entry.op.to_ascii_lowercase(), entry.bytes));
        stats.operations.push((entry.major, entry.minor, entry.op.to_ascii_lowercase(), entry.ios));
    }
    stats
}

/// All processors' time in nanoseconds, from the first line of /proc/stat.
fn system_time(stat: &str) -> u64 {
    let first = stat.lines().next().unwrap_or_default();
    first.split_whitespace().skip(1).take(8).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * TICK
}

/// Counters of the interfaces in a process's network namespace, without loopback.
fn interfaces(pid: u32) -> BTreeMap<String, InterfaceStats> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let read = lines.filter_map(|(name, counters)| {
        let numbers: Vec<u64> = counters.split_whitespace().filter_map(|text| text.parse().ok()).collect();
        let [
            rx_bytes,
            rx_packets,
            rx_errors,
            rx_dropped,
            _,
            _,
            _,
            _,
            tx_bytes,
            tx_packets,
            tx_errors,
            tx_dropped,
            ..,
        ] = numbers[..]
        else {
            return None;
        };
        let stats = InterfaceStats {
            rx_bytes,
            rx_packets,
            rx_errors,
            rx_dropped,
            tx_bytes,
            tx_packets,
            tx_errors,
            tx_dropped,
        };
        Some((name.trim().to_owned(), stats))
    });
    read.filter(|(name, _)| name != "lo").collect()
}
