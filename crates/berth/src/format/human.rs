//! Numbers and times for people, as Docker's tools write them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Bytes in powers of 1000 with four digits: `1.23MB`, `77.8kB`, `0B`.
pub(crate) fn decimal_size(bytes: f64) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"], 4)
}

/// Bytes in powers of 1000 with three digits, as lists of images have them.
pub(crate) fn short_size(bytes: f64) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"], 3)
}

/// Bytes in powers of 1024: `1.5MiB`.
pub(crate) fn binary_size(bytes: f64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4)
}

fn scaled(bytes: f64, base: f64, units: &[&str], digits: usize) -> String {
    // The sum of no numbers is -0.
    let (mut size, mut unit) = (bytes + 0.0, 0);
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    format!("{}{}", significant(size, digits), units[unit])
}

/// Go's `%.Ng` for numbers that need no exponent.
fn significant(value: f64, digits: usize) -> String {
    let whole = if value < 1.0 { 1 } else { value.log10().floor() as usize + 1 };
    let text = format!("{value:.*}", digits.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A span of seconds in words: `About a minute`, `3 hours`.
pub(crate) fn span(seconds: i64) -> String {
    let hours = (seconds as f64 / 3600.0).round() as i64;
    match seconds {
        ..=0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{} minutes", seconds / 60),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 14 => format!("{} days", hours / 24),
        _ if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

/// How long ago a time in seconds since 1970 was; `N/A` for no time.
pub(crate) fn ago(unix: i64) -> String {
    if unix <= 0 {
        return "N/A".to_owned();
    }
    format!("{} ago", span(OffsetDateTime::now_utc().unix_timestamp() - unix))
}

/// A time in seconds since 1970 as Go prints it: `2026-11-21 04:20:38 +0000 UTC`.
pub(crate) fn go_time(unix: i64) -> String {
    let shape = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] +0000 UTC");
    OffsetDateTime::from_unix_timestamp(unix)
        .ok()
        .and_then(|time| time.format(&shape).ok())
        .unwrap_or_default()
}

/// Seconds since 1970 of a time in RFC 3339; 0 when it is none.
pub(crate) fn unix(text: &str) -> i64 {
    OffsetDateTime::parse(text, &Rfc3339).map(OffsetDateTime::unix_timestamp).unwrap_or_default()
}

/// An id without algorithm, cut to 12 letters.
pub(crate) fn short_id(id: &str) -> String {
    let id = id.split_once(':').map_or(id, |(_, hex)| hex);
    id.chars().take(12).collect()
}

/// Text cut to `length` letters, the last of which is then `…`.
pub(crate) fn ellipsis(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_dockers_digits() {
        let sizes: Vec<_> = [0.0, 999.0, 1000.0, 77_812_345.0, 1_234_567_890.0].map(decimal_size).into();
        assert_eq!(sizes, ["0B", "999B", "1kB", "77.81MB", "1.235GB"]);
        assert_eq!((short_size(77_812_345.0), short_size(124_000_000.0)), ("77.8MB".into(), "124MB".into()));
        assert_eq!(
            (binary_size(1.5 * 1024.0 * 1024.0), binary_size(512.0)),
            ("1.5MiB".into(), "512B".into())
        );
    }

    #[test]
    fn spans_are_rounded_as_dockers() {
        let words: Vec<_> = [0, 1, 59, 60, 150, 3600, 7200, 48 * 3600].map(span).into();
        assert_eq!(
            words,
            [
                "Less than a second",
                "1 second",
                "59 seconds",
                "About a minute",
                "2 minutes",
                "About an hour",
                "2 hours",
                "2 days"
            ]
        );
    }

    #[test]
    fn ids_and_texts_are_cut() {
        assert_eq!(short_id("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!((ellipsis("abcdef", 4), ellipsis("abcd", 4)), ("abc…".into(), "abcd".into()));
        assert_eq!(go_time(0), "1970-01-01 00:00:00 +0000 UTC");
    }
}
