//! Sizes and times as people write them.

use std::time::Duration;

/// A text that is no size or no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    /// Not a size.
    #[error("invalid size {0:?}: write it as 512m, 2g or in bytes")]
    Size(String),
    /// Not a span of time.
    #[error("invalid duration {0:?}: write it as 1m30s or 500ms")]
    Duration(String),
    /// Not a number of processors.
    #[error("invalid number of CPUs {0:?}: write it as 1.5")]
    Cpus(String),
}

/// Bytes: `512m`, `1.5g`, `2GiB`, `1024`; units are powers of 1024.
pub(crate) fn bytes(text: &str) -> Result<i64, UnitError> {
    let wrong = || UnitError::Size(text.to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let number: f64 = lower[..end].parse().map_err(|_| wrong())?;
    let unit = lower[end..].trim();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    let size = number * 1024_f64.powi(power);
    if size.is_finite() && size < 9.2e18 { Ok(size as i64) } else { Err(wrong()) }
}

/// As [`bytes`], where `-1` is without limit.
pub(crate) fn bytes_or_unlimited(text: &str) -> Result<i64, UnitError> {
    if text == "-1" { Ok(-1) } else { bytes(text) }
}

/// Billionths of a processor: `1.5`.
pub(crate) fn nano_cpus(text: &str) -> Result<i64, UnitError> {
    let number: f64 = text.parse().map_err(|_| UnitError::Cpus(text.to_owned()))?;
    if number.is_finite() && (0.0..1e6).contains(&number) {
        Ok((number * 1e9).round() as i64)
    } else {
        Err(UnitError::Cpus(text.to_owned()))
    }
}

/// A span of time as Go writes it: `1h30m`, `10s`, `500ms`; `0` is none.
pub(crate) fn duration(text: &str) -> Result<Duration, UnitError> {
    let span = compose::parse_duration(text).ok_or_else(|| UnitError::Duration(text.to_owned()))?;
    Ok(Duration::from_nanos(span))
}

/// As [`duration`], in the nanoseconds of the API.
pub(crate) fn nanoseconds(text: &str) -> Result<i64, UnitError> {
    i64::try_from(duration(text)?.as_nanos()).map_err(|_| UnitError::Duration(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        let read = ["0", "512m", "1.5g", "2GiB", "10kb", "7b"].map(|text| bytes(text).unwrap());
        assert_eq!(read, [0, 512 << 20, 3 << 29, 2 << 30, 10 << 10, 7]);
        assert_eq!(bytes_or_unlimited("-1"), Ok(-1));
        assert!(["", "m", "1x", "-5", "1e99p"].iter().all(|text| bytes(text).is_err()));
    }

    #[test]
    fn times_and_processors() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(nanoseconds("500ms"), Ok(500_000_000));
        assert_eq!(nano_cpus("0.5"), Ok(500_000_000));
        assert!(duration("5").is_err() && duration("").is_err() && nano_cpus("-1").is_err());
    }
}
