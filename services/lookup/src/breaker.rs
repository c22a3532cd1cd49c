use crate::Backoff;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Failures in a row after which a dependency counts as down.
const THRESHOLD: u32 = 5;
const PAUSE: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(15) };
/// The longest that a dependency may ask us to stay away.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// A circuit breaker: callers wait while the dependency is down, and one at a time tries whether it is back.
///
/// Time is monotonic: a clock that is set does not move it.
#[derive(Debug)]
pub struct Breaker {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, openings: u32 },
    HalfOpen { openings: u32 },
}

/// A call that the breaker let through. Dropped without a verdict, it counts as a failure of a probe.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    judged: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), changed: Notify::new() }
    }
}

impl Breaker {
    /// Whether calls pass freely.
    pub fn is_closed(&self) -> bool {
        matches!(*self.lock(), State::Closed { .. })
    }

    /// Waits until a call may be made. Cancel safe.
    pub async fn admit(&self) -> Permit<'_> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.try_admit() {
                Ok(permit) => return permit,
                Err(Some(until)) => {
                    tokio::select! { () = tokio::time::sleep_until(until) => {}, () = changed => {} }
                }
                Err(None) => changed.await,
            }
        }
    }

    /// A permit, or when to ask again: at an instant, or when the probe under way has ended.
    ///
    /// # Errors
    /// When the dependency is down.
    pub fn try_admit(&self) -> Result<Permit<'_>, Option<Instant>> {
        let mut state = self.lock();
        let probe = match *state {
            State::Closed { .. } => false,
            State::HalfOpen { .. } => return Err(None),
            State::Open { until, .. } if Instant::now() < until => return Err(Some(until)),
            State::Open { openings, .. } => {
                *state = State::HalfOpen { openings };
                true
            }
        };
        Ok(Permit { breaker: self, probe, judged: false })
    }

    /// Keeps everybody away for a time, because the dependency asked for it. Whether calls passed freely until now.
    pub fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time.min(MAX_RETRY_AFTER);
        let mut state = self.lock();
        let (openings, opens) = match *state {
            State::Open { until: other, .. } if other >= until => return false,
            State::Open { openings, .. } | State::HalfOpen { openings } => (openings, false),
            State::Closed { .. } => (0, true),
        };
        *state = State::Open { until, openings };
        drop(state);
        self.changed.notify_waiters();
        opens
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether that opened it.
    fn failed(&self, probe: bool) -> bool {
        let mut state = self.lock();
        let opens = matches!(*state, State::Closed { failures } if failures + 1 >= THRESHOLD);
        *state = match *state {
            State::Closed { .. } if opens => {
                State::Open { until: Instant::now() + PAUSE.bound(0), openings: 1 }
            }
            State::Closed { failures } => State::Closed { failures: failures + 1 },
            State::HalfOpen { openings } if probe => {
                // Half of the bound is certain, so that a dependency that is down is left in peace.
                let wait = PAUSE.bound(openings) / 2 + PAUSE.wait(openings) / 2;
                State::Open { until: Instant::now() + wait, openings: openings.saturating_add(1) }
            }
            // Calls that were under way when it opened.
            State::HalfOpen { openings } => State::HalfOpen { openings },
            State::Open { until, openings } => State::Open { until, openings },
        };
        drop(state);
        self.changed.notify_waiters();
        opens
    }

    /// Whether that closed it.
    fn succeeded(&self, probe: bool) -> bool {
        let mut state = self.lock();
        let closes = match *state {
            State::Closed { .. } => false,
            State::HalfOpen { .. } if probe => true,
            _ => return false,
        };
        *state = State::Closed { failures: 0 };
        drop(state);
        if closes {
            self.changed.notify_waiters();
        }
        closes
    }
}

impl Permit<'_> {
    /// The call was answered as it should be. Whether that closed the breaker.
    pub fn succeed(mut self) -> bool {
        self.judged = true;
        self.breaker.succeeded(self.probe)
    }

    /// The call failed. Whether that opened the breaker.
    pub fn fail(mut self) -> bool {
        self.judged = true;
        self.breaker.failed(self.probe)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe && !self.judged {
            self.breaker.failed(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..THRESHOLD {
            breaker.try_admit().unwrap().fail();
        }
        assert!(!breaker.is_closed());
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_others_do_not() {
        let breaker = Breaker::default();
        for _ in 0..3 * THRESHOLD {
            breaker.try_admit().unwrap().fail();
            breaker.try_admit().unwrap().succeed();
        }
        assert!(breaker.is_closed());
        assert!(open().try_admit().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_at_a_time_tries_whether_it_is_back() {
        let breaker = open();
        let probe = breaker.admit().await;
        assert!(matches!(breaker.try_admit(), Err(None)));
        probe.succeed();
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_probe_does_not_block_it() {
        let breaker = open();
        drop(breaker.admit().await);
        breaker.admit().await.succeed();
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_kept_to() {
        let breaker = Breaker::default();
        breaker.pause(Duration::from_secs(90));
        let start = Instant::now();
        breaker.admit().await.succeed();
        assert_eq!(start.elapsed().as_secs(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_while_it_stays_down() {
        let breaker = open();
        let start = Instant::now();
        for _ in 0..12 {
            breaker.admit().await.fail();
        }
        let waited = start.elapsed();
        assert!(waited > Duration::from_secs(40) && waited < Duration::from_secs(180), "{waited:?}");
    }
}
