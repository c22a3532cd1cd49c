//! Waiting until containers are as a step wants them.

use super::plan::WaitFor;
use super::run::Teller;
use crate::event::{EventKind, EventQuery};
use crate::id::ContainerId;
use crate::op::EventFilter;
use crate::records::Phase;
use crate::snapshot::HealthStatus;
use crate::spec::RestartPolicy;
use crate::state::Container;
use crate::{Engine, chain};
use std::time::Duration;
use tokio::time::Instant;

/// Events may be missed by a reader that is too slow; what is waited for is looked at again after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A container without a health check counts as ready when it has run for this long: one that cannot do its work has
/// ended by then.
const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// How a wait ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    Healthy,
    Running,
    Exited,
}

/// What a look at a container says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Reached(Reached),
    NotYet,
    /// It will be as wanted after this time, if it goes on as it does.
    Settling(Duration),
    Never(String),
}

impl Engine {
    /// Waits until a container is as wanted.
    ///
    /// # Errors
    /// What makes it impossible, in one sentence.
    pub(super) async fn wait_until(
        &self,
        id: &ContainerId,
        until: WaitFor,
        deadline: Option<Instant>,
        teller: &Teller,
    ) -> Result<Reached, String> {
        let filter = EventFilter {
            types: vec![EventKind::Container.as_str().to_owned()],
            containers: vec![id.to_string()],
            ..EventFilter::default()
        };
        let query = EventQuery { filter, ..EventQuery::default() };
        let mut events = self.events(query).await.map_err(|error| chain(&error))?;
        loop {
            let (name, verdict) = self
                .look(id, |container| (container.record.name.clone(), judge(container, until)))
                .map_err(|_| "a container that is waited for was removed".to_owned())?;
            let patience = match verdict {
                Verdict::Reached(reached) => return Ok(reached),
                Verdict::Never(reason) => return Err(reason),
                Verdict::NotYet => LOOK_AGAIN,
                Verdict::Settling(rest) => rest,
            };
            let timeout = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = events.next() => {}
                () = tokio::time::sleep(patience) => {}
                () = teller.cancelled() => return Err("nobody waits any more".to_owned()),
                () = timeout => return Err(format!("the container `{name}` is not {until} in time")),
            }
        }
    }
}

fn judge(container: &Container, until: WaitFor) -> Verdict {
    let name = &container.record.name;
    let code = container.state.exit_code;
    let health = container.live.health.as_ref().map(|health| health.status);
    let has_check = container.record.process.healthcheck.as_ref().is_some_and(|check| {
        !matches!(check.test, crate::spec::HealthTest::Inherit | crate::spec::HealthTest::Disabled)
    });
    let unhealthy = || {
        Verdict::Never(format!(
            "the container `{name}` is unhealthy; `berth inspect {name}` shows what its checks said"
        ))
    };
    let exited = || {
        Verdict::Never(format!(
            "the container `{name}` has exited with {code}; `berth logs {name}` shows its output"
        ))
    };
    match (&container.state.phase, until) {
        (Phase::Exited, WaitFor::Completed | WaitFor::Ready) if code == 0 && is_done(container) => {
            Verdict::Reached(Reached::Exited)
        }
        (Phase::Exited, _) => exited(),
        (Phase::Created, _) => {
            Verdict::Never(format!("the container `{name}` was not started: {}", container.state.error))
        }
        (Phase::Running(_), WaitFor::Healthy) if !has_check => {
            Verdict::Never(format!("the container `{name}` has no health check that could be waited for"))
        }
        (Phase::Running(_), WaitFor::Ready) if !has_check => settled(container),
        (Phase::Running(_), WaitFor::Healthy | WaitFor::Ready) => match health {
            Some(HealthStatus::Healthy) => Verdict::Reached(Reached::Healthy),
            Some(HealthStatus::Unhealthy) => unhealthy(),
            _ => Verdict::NotYet,
        },
        (Phase::Running(_), WaitFor::Completed) | (Phase::Starting(_) | Phase::Restarting, _) => {
            Verdict::NotYet
        }
    }
}

/// Whether it runs long enough.
fn settled(container: &Container) -> Verdict {
    let now = time::OffsetDateTime::now_utc();
    let ran = container.state.started_at.map_or(SETTLED_AFTER, |started| {
        // A clock that was set back says nothing about the container.
        Duration::try_from(now - started).unwrap_or_default()
    });
    match SETTLED_AFTER.checked_sub(ran).filter(|rest| !rest.is_zero()) {
        None => Verdict::Reached(Reached::Running),
        Some(rest) => Verdict::Settling(rest),
    }
}

/// It exited of itself, and its policy lets it rest.
fn is_done(container: &Container) -> bool {
    matches!(container.record.spec.restart, RestartPolicy::No | RestartPolicy::OnFailure { .. })
}
