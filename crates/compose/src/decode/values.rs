//! Values with a notation of their own: sizes, times, pairs, command lines.

use super::cursor::Cursor;
use crate::model::Nanoseconds;
use crate::tree::{Node, ScalarKind, Value};
use std::collections::BTreeMap;

impl Cursor<'_> {
    /// Bytes: `512`, `64k`, `1.5 GiB`.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let text = self.text_or_number()?;
        match parse_bytes(text) {
            Some(bytes) => Some(bytes),
            None => self.fail(
                format!("is not a size: `{text}`"),
                "write a number with a unit of b, k, m, g or t, such as `512m`",
            ),
        }
    }

    /// Bytes, or -1 for no limit.
    pub(crate) fn bytes_or_unlimited(&self) -> Option<i64> {
        if self.text_or_number()? == "-1" {
            return Some(-1);
        }
        self.bytes().map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
    }

    /// A span of time: `90s`, `1m30s`, `500ms`.
    pub(crate) fn duration(&self) -> Option<Nanoseconds> {
        let text = self.text_or_number()?;
        match parse_duration(text) {
            Some(nanoseconds) => Some(Nanoseconds(nanoseconds)),
            None => self.fail(
                format!("is not a span of time: `{text}`"),
                "write numbers with units of us, ms, s, m, h, d or w, such as `1m30s`",
            ),
        }
    }

    /// CPUs in billionths.
    pub(crate) fn nano_cpus(&self) -> Option<u64> {
        let cpus = self.float()?;
        if !(0.0..=1_000_000.0).contains(&cpus) {
            return self.fail(format!("is not a number of CPUs: {cpus}"), "write a number such as `0.5`");
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Some((cpus * 1e9).round() as u64)
    }

    /// Permission bits: `0440`, `0o440` or `"0440"` are octal.
    pub(crate) fn file_mode(&self) -> Option<u32> {
        let text = self.text_or_number()?;
        let is_string = matches!(&self.node.value, Value::Scalar(s) if s.kind == ScalarKind::Str);
        let octal = text.strip_prefix("0o").or_else(|| text.strip_prefix('0')).or(is_string.then_some(text));
        let mode = match octal {
            Some("") => Some(0),
            Some(digits) => u32::from_str_radix(digits, 8).ok(),
            None => text.parse().ok(),
        };
        match mode.filter(|mode| *mode <= 0o7777) {
            Some(mode) => Some(mode),
            None => self.fail(format!("is not a file mode: `{text}`"), "write octal digits, such as `0440`"),
        }
    }

    /// `KEY=value` items of a list, or entries of a mapping; `None` where there is no value.
    pub(crate) fn pairs(&self) -> Option<BTreeMap<String, Option<String>>> {
        let pairs = self.pairs_with_places()?;
        Some(pairs.into_iter().map(|(key, value, _)| (key, value)).collect())
    }

    /// As [`Self::pairs`], each with its place, in the order of the file.
    pub(crate) fn pairs_with_places(&self) -> Option<Vec<(String, Option<String>, Self)>> {
        if self.is_mapping() {
            let entries = self.entries()?;
            return Some(entries.into_iter().filter_map(|(key, value)| pair_of_entry(key, value)).collect());
        }
        Some(self.items_or_mapping()?.into_iter().filter_map(pair_of_item).collect())
    }

    /// A command: a list of words, or a line that is split as a shell splits it. Empty clears it.
    pub(crate) fn command(&self) -> Option<Vec<String>> {
        if !self.is_scalar() {
            return self.texts();
        }
        let line = self.text()?;
        match split_words(line) {
            Ok(words) => Some(words),
            Err(reason) => self.fail(
                format!("cannot be split into words: {reason}"),
                "close the quote, or write a list of words",
            ),
        }
    }
}

fn pair_of_entry<'a>(key: &str, value: Cursor<'a>) -> Option<(String, Option<String>, Cursor<'a>)> {
    if value.is_null() {
        return Some((key.to_owned(), None, value));
    }
    let text = value.any_text()?.to_owned();
    Some((key.to_owned(), Some(text), value))
}

fn pair_of_item(item: Cursor<'_>) -> Option<(String, Option<String>, Cursor<'_>)> {
    let text = item.text()?;
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    if key.is_empty() {
        return item.fail("has no name before the `=`", "write `NAME=value`");
    }
    Some((key.to_owned(), value, item))
}

/// A node as JSON, for `x-…` keys.
pub(crate) fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Sequence(items) => items.iter().map(to_json).collect(),
        Value::Mapping(mapping) => {
            Json::Object(mapping.entries.iter().map(|e| (e.key.clone(), to_json(&e.value))).collect())
        }
        Value::Scalar(scalar) => match scalar.kind {
            ScalarKind::Null => Json::Null,
            ScalarKind::Bool => Json::Bool(scalar.text.eq_ignore_ascii_case("true")),
            ScalarKind::Int => {
                scalar.text.parse::<i64>().map_or_else(|_| Json::String(scalar.text.clone()), Json::from)
            }
            ScalarKind::Float => {
                scalar.text.parse::<f64>().map_or_else(|_| Json::String(scalar.text.clone()), Json::from)
            }
            ScalarKind::Str => Json::String(scalar.text.clone()),
        },
    }
}

/// Reads a size in bytes: binary multiples, with any of `k`, `kb` and `kib`, in either case.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim_start());
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" if matches!(unit, "" | "b") => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    if !matches!(unit.len(), 0..=3) || unit.ends_with('i') {
        return None;
    }
    let factor = 1024_u64.pow(power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let value = number.parse::<f64>().ok()? * factor as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (value < 9e18).then_some(value as u64)
}

/// Reads a span of time in nanoseconds: numbers with units, added up.
pub fn parse_duration(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(0);
    }
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number = &rest[..digits];
        rest = &rest[digits..];
        let unit_len = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let factor = unit_in_nanoseconds(&rest[..unit_len])?;
        rest = &rest[unit_len..];
        total = total.checked_add(scale(number, factor)?)?;
    }
    Some(total)
}

fn scale(number: &str, factor: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let value = number.parse::<f64>().ok()? * factor as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (value < 9e18).then_some(value.round() as u64)
}

fn unit_in_nanoseconds(unit: &str) -> Option<u64> {
    const SECOND: u64 = 1_000_000_000;
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        "d" => 24 * 3_600 * SECOND,
        "w" => 7 * 24 * 3_600 * SECOND,
        _ => return None,
    })
}

/// Splits a line as a shell does, without running anything: quotes and backslashes only.
///
/// # Errors
/// A quote that is not closed, or a backslash at the end.
pub fn split_words(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a `'` is not closed"),
                    }
                }
            }
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("it ends with a backslash"),
            },
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    loop {
        match chars.next() {
            Some('"') => return Ok(()),
            Some('\\') => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                Some(c) => word.extend(['\\', c]),
                None => return Err("it ends with a backslash"),
            },
            Some(c) => word.push(c),
            None => return Err("a `\"` is not closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_binary_multiples() {
        for (text, bytes) in [
            ("0", 0),
            ("100", 100),
            ("1k", 1024),
            ("1K", 1024),
            ("2kb", 2048),
            ("1KiB", 1024),
            ("1m", 1 << 20),
            ("1.5g", 3 << 29),
            ("1 GB", 1 << 30),
            ("10b", 10),
            ("1t", 1 << 40),
        ] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for bad in ["", "k", "1x", "1ki", "-1", "1.2.3m", "1kk", "1bb", "99999999999999999999", "9999999t9"] {
            assert_eq!(parse_bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_add_up() {
        const S: u64 = 1_000_000_000;
        for (text, nanoseconds) in [
            ("10s", 10 * S),
            ("1m30s", 90 * S),
            ("1h5m30s20ms", 3930 * S + 20_000_000),
            ("1.5s", 1_500_000_000),
            ("500us", 500_000),
            ("1d", 86_400 * S),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(nanoseconds), "{text}");
        }
        for bad in ["", "10", "s", "-1s", "1x", "1s5", "99999999999w"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn lines_split_like_in_a_shell() {
        let words = |line| split_words(line).unwrap();
        assert_eq!(words("a  'b c' \"d \\\"e\" f\\ g ''"), ["a", "b c", "d \"e", "f g", ""]);
        assert_eq!(words("sh -c \"echo \\n $X\""), ["sh", "-c", "echo \\n $X"]);
        assert!(words("").is_empty());
        assert!(split_words("'a").is_err() && split_words("\"a").is_err() && split_words("a\\").is_err());
    }

    proptest! {
        #[test]
        fn no_value_panics(text in "[0-9.a-zA-Z\"' \\\\-é]{0,24}") {
            let _ = (parse_bytes(&text), parse_duration(&text), split_words(&text));
        }
    }
}
