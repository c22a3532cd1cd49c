use rand::Rng as _;
use std::time::Duration;

/// Exponential back-off with full jitter: the wait before retry `n` is uniform in `[0, min(cap, base·2ⁿ)]`.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The bound before the first retry.
    pub base: Duration,
    /// The greatest bound.
    pub cap: Duration,
}

impl Backoff {
    /// The bound of the wait before retry `retry`, counted from 0.
    pub fn bound(&self, retry: u32) -> Duration {
        self.base.saturating_mul(1u32.checked_shl(retry.min(31)).unwrap_or(u32::MAX)).min(self.cap)
    }

    /// A wait before retry `retry`, counted from 0.
    pub fn wait(&self, retry: u32) -> Duration {
        self.bound(retry).mul_f64(rand::rng().random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_never_beyond() {
        let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };
        assert_eq!(backoff.bound(0), Duration::from_millis(100));
        assert_eq!(backoff.bound(3), Duration::from_millis(800));
        assert_eq!(backoff.bound(400), Duration::from_secs(5));
        assert!((0..1000).all(|retry| backoff.wait(retry) <= backoff.bound(retry)));
    }

    #[test]
    fn waits_are_spread() {
        let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(1) };
        let waits: std::collections::HashSet<_> = (0..100).map(|_| backoff.wait(0)).collect();
        assert!(waits.len() > 90);
    }
}
