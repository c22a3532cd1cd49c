use crate::{
    Backoff, Breaker, Permit,
    metrics::{DependencyMetrics, Timer},
};
use std::{error::Error, future::Future, time::Duration};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A service or file that the work needs: its circuit breaker, its metrics, and how to try again.
#[derive(Debug)]
pub(crate) struct Dependency {
    name: &'static str,
    pub(crate) breaker: Breaker,
    pub(crate) metrics: DependencyMetrics,
    /// Calls at a time. Whoever waits for one does so in front of the breaker: when it opens, nobody is past it.
    turns: Semaphore,
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    dependency: &'a Dependency,
    permit: Permit<'a>,
    timer: Timer<'a>,
    _turn: Option<SemaphorePermit<'a>>,
}

/// How a call failed.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    /// The dependency is not to be had: down, slow, overloaded or set up wrongly. Waiting helps; trying again is not
    /// counted.
    Unavailable { error: E, retry_after: Option<Duration> },
    /// It answered, and badly. It may be due to what was asked: trying again is counted.
    Rubbish(E),
    /// It refuses what was asked, and will again.
    Refused(E),
}

const RETRY: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(10) };

impl Dependency {
    /// A dependency that is asked `turns` questions at a time at most.
    pub(crate) fn new(name: &'static str, turns: usize) -> Self {
        let turns = Semaphore::new(turns.min(Semaphore::MAX_PERMITS));
        Self { name, breaker: Breaker::default(), metrics: DependencyMetrics::default(), turns }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Waits until a call may be made.
    pub(crate) async fn begin(&self) -> Call<'_> {
        // Never closed.
        let turn = self.turns.acquire().await.ok();
        let permit = self.breaker.admit().await;
        Call { dependency: self, permit, timer: self.metrics.start(), _turn: turn }
    }

    /// Makes a call until it succeeds, is refused, or was answered with rubbish `limit` times.
    ///
    /// Waits, without a limit, while the dependency is unavailable: whoever calls bounds it by dropping the future.
    pub(crate) async fn insist<T, E, F>(&self, limit: u32, mut call: impl FnMut() -> F) -> Result<T, E>
    where
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<T, Failure<E>>>,
    {
        let (mut retry, mut rubbish) = (0, 0);
        loop {
            let begun = self.begin().await;
            match call().await {
                Ok(value) => {
                    begun.succeeded();
                    return Ok(value);
                }
                Err(Failure::Refused(error)) => {
                    begun.refused();
                    return Err(error);
                }
                Err(Failure::Rubbish(error)) => {
                    begun.failed(&error, None);
                    rubbish += 1;
                    if rubbish >= limit {
                        return Err(error);
                    }
                }
                Err(Failure::Unavailable { error, retry_after }) => begun.failed(&error, retry_after),
            }
            tokio::time::sleep(RETRY.wait(retry)).await;
            retry += 1;
        }
    }

    /// Makes one call, if the breaker lets it through at once. `None` when it does not.
    pub(crate) async fn attempt<T, E, F>(&self, call: impl FnOnce() -> F) -> Option<Result<T, Failure<E>>>
    where
        E: Error + 'static,
        F: Future<Output = Result<T, Failure<E>>>,
    {
        let permit = self.breaker.try_admit().ok()?;
        let begun = Call { dependency: self, permit, timer: self.metrics.start(), _turn: None };
        let result = call().await;
        match &result {
            Ok(_) => begun.succeeded(),
            Err(Failure::Refused(_)) => begun.refused(),
            Err(Failure::Rubbish(error)) => begun.failed(error, None),
            Err(Failure::Unavailable { error, retry_after }) => begun.failed(error, *retry_after),
        }
        Some(result)
    }
}

impl Call<'_> {
    /// It was answered as it should be.
    pub(crate) fn succeeded(self) {
        self.timer.succeeded();
        if self.permit.succeed() {
            tracing::info!(dependency = self.dependency.name, "it is back");
        }
    }

    /// It was answered, and the fault is with what was asked.
    fn refused(self) {
        self.timer.failed();
        self.permit.succeed();
    }

    /// It failed; the dependency may have said when to come again. What opens the breaker is told once.
    pub(crate) fn failed(self, error: &(dyn Error + 'static), retry_after: Option<Duration>) {
        let Self { dependency, permit, timer, .. } = self;
        timer.failed();
        let opened = permit.fail();
        let opened = retry_after.is_some_and(|time| dependency.breaker.pause(time)) || opened;
        let (dependency, reason) = (dependency.name, crate::worker::chain(error));
        match opened {
            true => tracing::warn!(dependency, reason, ?retry_after, "it is down: work waits for it"),
            false => tracing::debug!(dependency, reason, ?retry_after, "a call failed"),
        }
    }
}
