//! Health checks: a command executed in the container again and again.

use crate::{
    Engine,
    exec::exit_code,
    id::{ContainerId, ExecId},
    op::{ExecSpec, ExecStart},
    records::ContainerRecord,
    snapshot::{HealthProbe, HealthSnapshot, HealthStatus},
    spec::{HealthTest, Healthcheck},
};
use container::{cgroup::Cgroup, protocol::ProcessId};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{io::AsyncReadExt as _, net::UnixStream, task::AbortHandle, time::Instant};

/// Probes that are remembered.
const REMEMBERED: usize = 5;
/// Bytes of a probe's output that are kept.
const OUTPUT_LIMIT: usize = 4096;

/// Health of one run of a container.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) status: HealthStatus,
    pub(crate) failing_streak: u32,
    pub(crate) log: VecDeque<HealthProbe>,
    pub(crate) task: Option<AbortHandle>,
}

impl Health {
    fn starting(task: AbortHandle) -> Self {
        Self { status: HealthStatus::Starting, failing_streak: 0, log: VecDeque::new(), task: Some(task) }
    }

    pub(crate) fn snapshot(&self) -> HealthSnapshot {
        HealthSnapshot {
            status: self.status,
            failing_streak: self.failing_streak,
            log: self.log.iter().cloned().collect(),
        }
    }

    /// Takes a probe in. Returns the new status when it changed.
    fn take(&mut self, probe: HealthProbe, retries: u32, in_start_period: bool) -> Option<HealthStatus> {
        let passed = probe.exit_code == 0;
        if self.log.len() == REMEMBERED {
            self.log.pop_front();
        }
        self.log.push_back(probe);
        let before = self.status;
        if passed {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if !(in_start_period && self.status == HealthStatus::Starting) {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        (self.status != before).then_some(self.status)
    }
}

/// A check with Docker's defaults filled in.
#[derive(Debug, Clone)]
struct Schedule {
    argv: Vec<String>,
    interval: Duration,
    timeout: Duration,
    retries: u32,
    start_period: Duration,
    start_interval: Duration,
}

impl Schedule {
    fn of(check: &Healthcheck, shell: &[String]) -> Option<Self> {
        let argv = match &check.test {
            HealthTest::Inherit | HealthTest::Disabled => return None,
            HealthTest::Command(argv) => argv.clone(),
            HealthTest::Shell(line) => {
                let default = ["/bin/sh".to_owned(), "-c".to_owned()];
                let shell = if shell.is_empty() { &default[..] } else { shell };
                shell.iter().cloned().chain([line.clone()]).collect()
            }
        };
        Some(Self {
            argv,
            interval: check.interval.unwrap_or(Duration::from_secs(30)),
            timeout: check.timeout.unwrap_or(Duration::from_secs(30)),
            retries: check.retries.unwrap_or(3),
            start_period: check.start_period.unwrap_or_default(),
            start_interval: check.start_interval.unwrap_or(Duration::from_secs(5)),
        })
    }
}

impl Engine {
    /// Starts the checks of a container that runs, if it has one.
    pub(crate) fn start_health_checks(&self, id: &ContainerId) {
        let Ok(record) = self.look(id, |container| Arc::clone(&container.record)) else { return };
        let check = record.process.healthcheck.as_ref();
        let Some(schedule) = check.and_then(|check| Schedule::of(check, &record.process.shell)) else {
            return;
        };
        let (engine, target) = (self.clone(), id.clone());
        let task = tokio::spawn(async move { engine.check_health(&target, &record, &schedule).await });
        if let Ok(container) = self.state().container_mut(id) {
            let earlier = container.live.health.replace(Health::starting(task.abort_handle()));
            if let Some(task) = earlier.and_then(|health| health.task) {
                task.abort();
            }
        }
    }

    async fn check_health(&self, id: &ContainerId, record: &Arc<ContainerRecord>, schedule: &Schedule) {
        let began = Instant::now();
        loop {
            let in_start_period = began.elapsed() < schedule.start_period;
            let starting = self.look(id, |container| {
                container.live.health.as_ref().is_some_and(|health| health.status == HealthStatus::Starting)
            });
            let early = in_start_period && starting.unwrap_or_default();
            let pause =
                if early { schedule.start_interval.min(schedule.interval) } else { schedule.interval };
            tokio::time::sleep(pause).await;
            let Ok((runs, paused)) =
                self.look(id, |container| (container.state.phase.is_running(), container.live.paused))
            else {
                return;
            };
            if !runs {
                return;
            }
            if paused {
                continue;
            }
            let probe = self.probe(record, schedule).await;
            self.take_probe(id, record, schedule, probe, began.elapsed() < schedule.start_period);
        }
    }

    fn take_probe(
        &self,
        id: &ContainerId,
        record: &ContainerRecord,
        schedule: &Schedule,
        probe: HealthProbe,
        in_start_period: bool,
    ) {
        let changed = match self.state().container_mut(id) {
            Ok(container) => {
                let health = container.live.health.as_mut();
                health.and_then(|health| health.take(probe, schedule.retries, in_start_period))
            }
            Err(_) => None,
        };
        if let Some(status) = changed {
            self.container_event(record, &format!("health_status: {}", status.as_str()), &[]);
        }
    }

    /// Runs the check once; a time-out or a failure to start is a failure.
    async fn probe(&self, record: &Arc<ContainerRecord>, schedule: &Schedule) -> HealthProbe {
        let start = OffsetDateTime::now_utc();
        let (exit_code, output) = self.run_probe(record, schedule).await;
        HealthProbe { start, end: OffsetDateTime::now_utc(), exit_code, output }
    }

    async fn run_probe(&self, record: &Arc<ContainerRecord>, schedule: &Schedule) -> (i64, String) {
        let spec = ExecSpec {
            command: schedule.argv.clone(),
            attach_stdout: true,
            attach_stderr: true,
            ..ExecSpec::default()
        };
        let shared = Arc::clone(record);
        let spawned = self.blocking(move |engine| {
            engine.spawn_exec(&shared, &ExecId::random(), &spec, ExecStart::default())
        });
        let started = match spawned.await {
            Ok(started) => started,
            Err(error) => return (-1, crate::chain(&error)),
        };
        let (run_dir, probe) = (started.run_dir.clone(), started.process);
        let output = match started.streams.map(crate::containers::into_tokio) {
            Some(Ok(stream)) => stream,
            _ => return (-1, String::new()),
        };
        let finished = tokio::time::timeout(schedule.timeout, async {
            let output = first_output(output).await;
            (exit_code(started.control).await, output)
        });
        let result = match finished.await {
            Ok(result) => result,
            Err(_) => {
                self.kill_probe(record, probe).await;
                (-1, format!("Health check exceeded timeout ({:?})", schedule.timeout))
            }
        };
        let _ = tokio::fs::remove_dir_all(&run_dir).await;
        result
    }

    /// Ends the probe with everything that it has started.
    async fn kill_probe(&self, record: &Arc<ContainerRecord>, probe: ProcessId) {
        let cgroup = Cgroup::existing(&Self::cgroup_path(record));
        let killed = self.blocking(move |_| {
            container::client::end_session(probe, &cgroup);
            Ok(())
        });
        let _ = killed.await;
    }
}

/// The first 4 KiB of both streams, without the frame headers; the rest is read and dropped.
async fn first_output(mut stream: UnixStream) -> String {
    let mut kept = Vec::new();
    let mut header = [0; 8];
    while stream.read_exact(&mut header).await.is_ok() {
        let mut left = u64::from(u32::from_be_bytes([header[4], header[5], header[6], header[7]]));
        let mut buffer = [0; 1024];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            match stream.read(&mut buffer[..wanted]).await {
                Ok(count) if count > 0 => {
                    let room = OUTPUT_LIMIT.saturating_sub(kept.len());
                    kept.extend_from_slice(&buffer[..count.min(room)]);
                    left -= count as u64;
                }
                _ => return String::from_utf8_lossy(&kept).into_owned(),
            }
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(exit_code: i64) -> HealthProbe {
        let now = OffsetDateTime::UNIX_EPOCH;
        HealthProbe { start: now, end: now, exit_code, output: String::new() }
    }

    fn fresh() -> Health {
        Health { status: HealthStatus::Starting, failing_streak: 0, log: VecDeque::new(), task: None }
    }

    #[test]
    fn enough_failures_in_a_row_make_unhealthy_and_one_success_heals() {
        let mut health = fresh();
        assert_eq!(health.take(probe(1), 2, false), None);
        assert_eq!(health.take(probe(1), 2, false), Some(HealthStatus::Unhealthy));
        assert_eq!(health.take(probe(0), 2, false), Some(HealthStatus::Healthy));
        assert_eq!(health.failing_streak, 0);
    }

    #[test]
    fn failures_of_the_start_period_do_not_count_until_the_first_success() {
        let mut health = fresh();
        assert_eq!(health.take(probe(1), 1, true), None);
        assert_eq!(health.take(probe(0), 1, true), Some(HealthStatus::Healthy));
        assert_eq!(health.take(probe(1), 1, true), Some(HealthStatus::Unhealthy));
    }

    #[test]
    fn the_last_five_probes_are_kept() {
        let mut health = fresh();
        for code in 0..7 {
            health.take(probe(code), 100, false);
        }
        assert_eq!(health.log.iter().map(|probe| probe.exit_code).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    }
}
