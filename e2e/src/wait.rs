use std::time::{Duration, Instant};

/// The time a condition has to become true. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(20);

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not hold within half a minute.
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(PATIENCE, what, condition);
}

/// As [`eventually`], with another bound.
///
/// # Panics
/// When the condition does not hold in time.
pub fn eventually_within(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(BETWEEN);
    }
}

/// Tries to remove an empty directory until it is gone, for a bounded time.
pub(crate) fn eventually_removed(path: &std::path::Path) -> bool {
    for _ in 0..50 {
        if std::fs::remove_dir(path).is_ok() || !path.exists() {
            return true;
        }
        std::thread::sleep(BETWEEN);
    }
    false
}
