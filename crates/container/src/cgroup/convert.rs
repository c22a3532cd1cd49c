//! From v1's units, which the OCI spec speaks, to v2's.

/// `cpu.shares` (2 to 262144) → `cpu.weight` (1 to 10000), so that the default 1024 becomes the default 100.
///
/// The curve through (2, 1), (1024, 100) and (262144, 10000) that current runtimes agree on.
pub(crate) fn cpu_weight(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let log = (shares as f64).log2();
            let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
            10f64.powf(exponent).ceil() as u64
        }
    }
}

/// `blkio.weight` (10 to 1000) → `io.weight` (1 to 10000).
pub(crate) fn io_weight(weight: u16) -> u64 {
    let weight = u64::from(weight).clamp(10, 1000);
    1 + (weight - 10) * 9999 / 990
}

/// The OCI spec's swap limit, which includes memory, → v2's, which does not. `None` leaves the value alone.
///
/// -1 is "no limit" in both arguments, 0 means that a value is not given.
pub(crate) fn swap_beside_memory(swap: i64, memory: i64) -> Result<Option<i64>, SwapError> {
    match (swap, memory) {
        (0, -1) | (-1, _) => Ok(Some(-1)),
        (0, _) => Ok(None),
        (_, ..=0) => Err(SwapError::NoMemoryLimit),
        _ if swap < memory => Err(SwapError::BelowMemory),
        _ => Ok(Some(swap - memory)),
    }
}

/// A swap limit that v2 cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SwapError {
    /// A limit for both needs one for memory.
    NoMemoryLimit,
    /// A limit for both that is lower than memory's own.
    BelowMemory,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_weights() {
        let pairs =
            [(0, 1), (2, 1), (512, 59), (1024, 100), (2048, 174), (262_144, 10_000), (1 << 40, 10_000)];
        for (shares, weight) in pairs {
            assert_eq!(cpu_weight(shares), weight, "{shares}");
        }
    }

    #[test]
    fn block_weights_span_the_new_range() {
        assert_eq!((io_weight(10), io_weight(500), io_weight(1000)), (1, 4950, 10_000));
        assert_eq!((io_weight(0), io_weight(u16::MAX)), (1, 10_000));
    }

    #[test]
    fn swap_is_what_exceeds_memory() {
        assert_eq!(swap_beside_memory(200, 100), Ok(Some(100)));
        assert_eq!(swap_beside_memory(100, 100), Ok(Some(0)));
        assert_eq!(swap_beside_memory(-1, 100), Ok(Some(-1)));
        assert_eq!(swap_beside_memory(0, 100), Ok(None));
        assert_eq!(swap_beside_memory(0, -1), Ok(Some(-1)));
        assert_eq!(swap_beside_memory(50, 100), Err(SwapError::BelowMemory));
        assert_eq!(swap_beside_memory(50, 0), Err(SwapError::NoMemoryLimit));
    }
}
