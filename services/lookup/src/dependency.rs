use crate::{Backoff, Breaker, metrics::DependencyMetrics};
use std::{future::Future, time::Duration};

/// A service or file that the work needs: its circuit breaker, its metrics, and how to try again.
#[derive(Debug, Default)]
pub(crate) struct Dependency {
    pub(crate) breaker: Breaker,
    pub(crate) metrics: DependencyMetrics,
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
    /// Makes a call until it succeeds, is refused, or was answered with rubbish `limit` times.
    ///
    /// Waits, without a limit, while the dependency is unavailable: whoever calls bounds it by dropping the future.
    pub(crate) async fn insist<T, E, F>(&self, limit: u32, mut call: impl FnMut() -> F) -> Result<T, E>
    where
        E: std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, Failure<E>>>,
    {
        let (mut retry, mut rubbish) = (0, 0);
        loop {
            let permit = self.breaker.admit().await;
            let timer = self.metrics.start();
            let failure = match call().await {
                Ok(value) => {
                    timer.succeeded();
                    permit.succeed();
                    return Ok(value);
                }
                Err(failure) => failure,
            };
            timer.failed();
            match failure {
                Failure::Refused(error) => {
                    permit.succeed();
                    return Err(error);
                }
                Failure::Rubbish(error) => {
                    permit.fail();
                    rubbish += 1;
                    if rubbish >= limit {
                        return Err(error);
                    }
                    tracing::debug!(error = &error as &dyn std::error::Error, "answered with rubbish");
                }
                Failure::Unavailable { error, retry_after } => {
                    permit.fail();
                    tracing::debug!(error = &error as &dyn std::error::Error, "unavailable");
                    if let Some(time) = retry_after {
                        self.breaker.pause(time);
                    }
                }
            }
            tokio::time::sleep(RETRY.wait(retry)).await;
            retry += 1;
        }
    }

    /// Makes one call, if the breaker lets it through at once. `None` when it does not.
    pub(crate) async fn attempt<T, E, F>(&self, call: impl FnOnce() -> F) -> Option<Result<T, Failure<E>>>
    where
        F: Future<Output = Result<T, Failure<E>>>,
    {
        let permit = self.breaker.try_admit().ok()?;
        let timer = self.metrics.start();
        let result = call().await;
        match &result {
            Ok(_) | Err(Failure::Refused(_)) => {
                timer.succeeded();
                permit.succeed();
            }
            Err(_) => {
                timer.failed();
                permit.fail();
            }
        }
        Some(result)
    }
}
