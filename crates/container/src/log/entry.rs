//! One entry of a log, and its line in the file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::protocol::StreamName;

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Which stream it was written to.
    pub stream: StreamName,
    /// When it was read from the container.
    pub time: OffsetDateTime,
    /// The text, with its newline unless the line goes on in the next entry.
    pub text: String,
    /// Docker's extra attributes, as configured when it was written.
    pub attrs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    log: String,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

impl LogEntry {
    /// Reads a line of the file; `None` if it is no entry.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        let stream = match line.stream.as_ref() {
            "stdout" => StreamName::Stdout,
            "stderr" => StreamName::Stderr,
            _ => return None,
        };
        let time = OffsetDateTime::parse(&line.time, &Rfc3339).ok()?;
        Some(Self { stream, time, text: line.log, attrs: line.attrs })
    }
}

/// Appends the file's line for a piece of output; `attrs` is a JSON object or empty.
pub(super) fn encode(
    out: &mut Vec<u8>,
    bytes: &[u8],
    ends_line: bool,
    stream: StreamName,
    attrs: &str,
    time: OffsetDateTime,
) {
    out.extend_from_slice(br#"{"log":""#);
    escape(out, bytes);
    if ends_line {
        out.extend_from_slice(br"\n");
    }
    out.extend_from_slice(br#"","stream":""#);
    out.extend_from_slice(stream.as_str().as_bytes());
    if !attrs.is_empty() {
        out.extend_from_slice(br#"","attrs":"#);
        out.extend_from_slice(attrs.as_bytes());
        out.extend_from_slice(br#","time":""#);
    } else {
        out.extend_from_slice(br#"","time":""#);
    }
    // A time in years 0 to 9999, as every clock gives, can be formatted.
    let _ = time.format_into(out, &Rfc3339);
    out.extend_from_slice(b"\"}\n");
}

/// Escapes as Docker does: what HTML and JavaScript could trip over too, and U+FFFD for invalid UTF-8.
fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        escape_text(out, chunk.valid());
        // One replacement for each byte, not one for each invalid sequence.
        for _ in chunk.invalid() {
            out.extend_from_slice(br"\ufffd");
        }
    }
}

fn escape_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let length = match bytes[at] {
            b'"' | b'\\' | b'<' | b'>' | b'&' | 0..=0x1f => 1,
            0xe2 if bytes[at..].starts_with("\u{2028}".as_bytes()) => 3,
            0xe2 if bytes[at..].starts_with("\u{2029}".as_bytes()) => 3,
            _ => {
                at += 1;
                continue;
            }
        };
        out.extend_from_slice(&bytes[plain_from..at]);
        escape_char(out, &bytes[at..at + length]);
        at += length;
        plain_from = at;
    }
    out.extend_from_slice(&bytes[plain_from..]);
}

fn escape_char(out: &mut Vec<u8>, char: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match *char {
        [b @ (b'"' | b'\\')] => out.extend_from_slice(&[b'\\', b]),
        [b'\n'] => out.extend_from_slice(br"\n"),
        [b'\r'] => out.extend_from_slice(br"\r"),
        [b] => {
            out.extend_from_slice(br"\u00");
            out.extend_from_slice(&[HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
        }
        [.., 0xa8] => out.extend_from_slice(br"\u2028"),
        _ => out.extend_from_slice(br"\u2029"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8], ends_line: bool, attrs: &str) -> String {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_120_000_000).unwrap();
        let mut out = Vec::new();
        encode(&mut out, bytes, ends_line, StreamName::Stderr, attrs, time);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_entry_is_a_line_of_json() {
        assert_eq!(
            line(b"hello", true, ""),
            "{\"log\":\"hello\\n\",\"stream\":\"stderr\",\"time\":\"2023-11-14T22:13:20.12Z\"}\n"
        );
        assert_eq!(
            line(b"x", false, r#"{"a":"b"}"#),
            "{\"log\":\"x\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"},\"time\":\"2023-11-14T22:13:20.12Z\"}\n"
        );
    }

    #[test]
    fn characters_are_escaped_as_docker_does() {
        let mut out = Vec::new();
        escape(&mut out, "a\"\\\t\r\n\u{1b}<>&\u{2028}\u{2029}\u{2027}é".as_bytes());
        let expected = r#"a\"\\\u0009\r\n\u001b\u003c\u003e\u0026\u2028\u2029"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\u{2027}é"));
    }

    #[test]
    fn invalid_utf8_is_replaced_byte_by_byte() {
        let mut out = Vec::new();
        escape(&mut out, b"\xe2\x82|\xff");
        assert_eq!(out, br"\ufffd\ufffd|\ufffd");
    }

    #[test]
    fn a_line_reads_back() {
        let text = line(b"<b>\xffx\ttab", true, r#"{"a":"b"}"#);
        let entry = LogEntry::parse(text.trim_end().as_bytes()).unwrap();
        assert_eq!(entry.text, "<b>\u{fffd}x\ttab\n");
        assert_eq!(entry.stream, StreamName::Stderr);
        assert_eq!(entry.attrs["a"], "b");
        assert_eq!(entry.time.unix_timestamp_nanos(), 1_700_000_000_120_000_000);
    }

    #[test]
    fn a_torn_line_is_no_entry() {
        assert_eq!(LogEntry::parse(br#"{"log":"hello\n","stream":"stde"#), None);
        assert_eq!(LogEntry::parse(br#"{"log":"x","stream":"stdlog","time":"2023-11-14T22:13:20Z"}"#), None);
    }
}
