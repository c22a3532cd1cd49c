//! JSON values as YAML in block style.

use crate::tree::ScalarKind;
use serde_json::Value;
use std::fmt::Write;

/// `key: value` at a level of indentation.
pub(super) fn entry(out: &mut String, key: &str, value: &Value, level: usize) {
    indent(out, level);
    out.push_str(&scalar_text(key));
    out.push(':');
    below(out, value, level);
}

fn indent(out: &mut String, level: usize) {
    out.extend(std::iter::repeat_n("  ", level));
}

/// A value after `key:` or `-`.
fn below(out: &mut String, value: &Value, level: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            for (key, value) in map {
                entry(out, key, value, level + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                list_item(out, item, level + 1);
            }
        }
        Value::String(text) if fits_block(text) => block(out, text, level + 1),
        other => {
            let _ = writeln!(out, " {}", inline(other));
        }
    }
}

fn list_item(out: &mut String, item: &Value, level: usize) {
    indent(out, level);
    out.push('-');
    match item {
        Value::Object(map) if !map.is_empty() => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index == 0 {
                    let _ = write!(out, " {}:", scalar_text(key));
                    below(out, value, level + 1);
                } else {
                    entry(out, key, value, level + 1);
                }
            }
        }
        other => below(out, other, level),
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => scalar_text(text),
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// Whether a text is best shown over several lines, and can be.
fn fits_block(text: &str) -> bool {
    let plain_characters =
        text.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{feff}' && !is_other_break(c)));
    text.contains('\n')
        && plain_characters
        && !text.starts_with([' ', '\n'])
        && text.lines().all(|line| line.trim_end() == line)
        && !text.ends_with("\n\n")
}

fn is_other_break(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn block(out: &mut String, text: &str, level: usize) {
    out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
    for line in text.lines() {
        if !line.is_empty() {
            indent(out, level);
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// A text as a plain scalar, or in double quotes where a plain one would be something else.
fn scalar_text(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

fn is_plain(text: &str) -> bool {
    let starts_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/._$+".contains(c));
    let plain_inside = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+$= ,@():".contains(c));
    let looks_like_another_type = ScalarKind::of_plain(text) != ScalarKind::Str
        || matches!(text.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off")
        || looks_like_number(text);
    let ends_plain = !text.ends_with([' ', ':']) && !text.contains(": ");
    starts_plain && plain_inside && ends_plain && !looks_like_another_type
}

/// Other readers of YAML take `2001-01-01` for a date, and `1_000` or `22:22` for numbers.
fn looks_like_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '.'))
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '-' | '_' | ':' | '.' | '+' | 'e' | 'E' | 'x' | 'o'))
}

/// JSON's double quotes are YAML's, but for a few characters that YAML does not take as they are.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_other_break(c) || c == '\u{feff}' => {
                let code = u32::from(c);
                let _ = if code > 0xff { write!(out, "\\u{code:04x}") } else { write!(out, "\\x{code:02x}") };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
