//! Values in the notation of compose files.

use crate::model::Nanoseconds;
use serde_json::Value;

/// A text that interpolation gives back as it is.
pub(super) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

/// [`escape`] for every text in a value.
pub(super) fn escape_all(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(escape(&text)),
        Value::Array(items) => items.into_iter().map(escape_all).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, escape_all(value))).collect())
        }
        other => other,
    }
}

/// `1h2m3.5s`; the largest units first.
pub(super) fn duration(value: Nanoseconds) -> String {
    const SECOND: u64 = 1_000_000_000;
    let nanoseconds = value.0;
    match nanoseconds {
        0 => return "0s".to_owned(),
        ns if ns < 1_000 => return format!("{ns}ns"),
        ns if ns < SECOND && ns % 1_000_000 == 0 => return format!("{}ms", ns / 1_000_000),
        ns if ns < SECOND && ns % 1_000 == 0 => return format!("{}us", ns / 1_000),
        ns if ns < SECOND => return format!("{ns}ns"),
        _ => {}
    }
    let seconds = nanoseconds / SECOND;
    let fraction = format!("{:09}", nanoseconds % SECOND);
    let fraction = fraction.trim_end_matches('0');
    let last = if fraction.is_empty() {
        format!("{}s", seconds % 60)
    } else {
        format!("{}.{fraction}s", seconds % 60)
    };
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => last,
        (0, minutes) => format!("{minutes}m{last}"),
        (hours, minutes) => format!("{hours}h{minutes}m{last}"),
    }
}

/// Bytes, as the text that the specification wants.
pub(super) fn bytes(value: u64) -> String {
    value.to_string()
}

/// CPUs as a number.
pub(super) fn cpus(nano: u64) -> f64 {
    nano as f64 / 1e9
}

/// Permission bits in octal.
pub(super) fn file_mode(mode: u32) -> String {
    format!("0{mode:o}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::parse_duration;
    use proptest::prelude::*;

    #[test]
    fn durations_are_shown_in_the_largest_units() {
        for (nanoseconds, shown) in [
            (0, "0s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (500_000_000, "500ms"),
            (1_500_000_000, "1.5s"),
        ] {
            assert_eq!(duration(Nanoseconds(nanoseconds)), shown);
        }
    }

    proptest! {
        #[test]
        fn a_shown_duration_is_read_back(nanoseconds in 0_u64..100_000_000_000_000) {
            let back = parse_duration(&duration(Nanoseconds(nanoseconds))).unwrap();
            prop_assert!(back.abs_diff(nanoseconds) <= 1, "{} {}", back, nanoseconds);
        }
    }
}
