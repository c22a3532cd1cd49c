//! The functions.

use std::cmp::Ordering;

use serde_json::Value;

use crate::eval::RenderError;
use crate::{print, printf};

const NAMES: &[&str] = &[
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "eq", "ne", "lt", "le", "gt",
    "ge", "json", "join", "split", "lower", "upper", "title", "pad", "truncate", "urlquery", "html", "js",
];

/// Whether there is a function of this name.
pub(crate) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Go's truth: not false, 0, empty or nothing.
pub(crate) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// What a value is, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing (<nil>)",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// Calls a function.
pub(crate) fn call(name: &str, arguments: &[Value]) -> Result<Value, RenderError> {
    let wrong = |reason: String| RenderError::Argument { function: name.to_owned(), reason };
    let one = || match arguments {
        [one] => Ok(one),
        _ => Err(wrong(format!("wants 1 argument, got {}", arguments.len()))),
    };
    let spaced = || arguments.iter().map(print::nested).collect::<Vec<_>>().join(" ");
    match name {
        "and" | "or" => Ok(arguments.last().cloned().unwrap_or(Value::Null)),
        "not" => Ok(Value::Bool(!truth(one()?))),
        "len" => length(one()?).map(Value::from).map_err(wrong),
        "index" => index(arguments).map_err(wrong),
        "slice" => slice(arguments).map_err(wrong),
        "print" => Ok(Value::from(sprint(arguments))),
        "println" => Ok(Value::from(format!("{}\n", spaced()))),
        "printf" => printf::format(arguments).map(Value::from).map_err(wrong),
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare(name, arguments).map(Value::Bool).map_err(wrong),
        "json" => Ok(Value::from(print::json(one()?))),
        "lower" => text(one()?).map(|text| Value::from(text.to_lowercase())).map_err(wrong),
        "upper" => text(one()?).map(|text| Value::from(text.to_uppercase())).map_err(wrong),
        "title" => text(one()?).map(|text| Value::from(title(text))).map_err(wrong),
        "urlquery" | "html" | "js" => Ok(Value::from(spaced())),
        "join" => join(arguments).map_err(wrong),
        "split" => split(arguments).map_err(wrong),
        "pad" => pad(arguments).map_err(wrong),
        "truncate" => truncate(arguments).map_err(wrong),
        _ => Err(wrong("is not defined".to_owned())),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("wants a string, got {}", kind(value)))
}

fn whole(value: &Value) -> Result<usize, String> {
    value
        .as_u64()
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| format!("wants a whole number, got {}", print::nested(value)))
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::String(text) => Ok(text.len()),
        Value::Array(list) => Ok(list.len()),
        Value::Object(map) => Ok(map.len()),
        other => Err(format!("of {}", kind(other))),
    }
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let (first, keys) = arguments.split_first().ok_or("wants something to look into")?;
    keys.iter().try_fold(first.clone(), |value, key| match &value {
        Value::Object(map) => Ok(map.get(text(key)?).cloned().unwrap_or(Value::Null)),
        Value::Array(list) => {
            let at = whole(key)?;
            list.get(at).cloned().ok_or_else(|| format!("index out of range: {at}"))
        }
        Value::String(text) => {
            let at = whole(key)?;
            text.as_bytes()
                .get(at)
                .map(|byte| Value::from(*byte))
                .ok_or_else(|| format!("index out of range: {at}"))
        }
        other => Err(format!("cannot look into {}", kind(other))),
    })
}

fn slice(arguments: &[Value]) -> Result<Value, String> {
    let (first, bounds) = arguments.split_first().ok_or("wants something to cut")?;
    let length = length(first)?;
    let from = bounds.first().map_or(Ok(0), whole)?;
    let to = bounds.get(1).map_or(Ok(length), whole)?;
    let outside = || format!("index out of range: {from}:{to}");
    match first {
        Value::String(text) => text.get(from..to).map(Value::from).ok_or_else(outside),
        Value::Array(list) => list.get(from..to).map(|cut| Value::Array(cut.to_vec())).ok_or_else(outside),
        other => Err(format!("cannot cut {}", kind(other))),
    }
}

/// Go's `Sprint`: a space only between operands of which neither is a string.
fn sprint(arguments: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in arguments.iter().enumerate() {
        if at > 0 && !value.is_string() && !arguments[at - 1].is_string() {
            out.push(' ');
        }
        out.push_str(&print::nested(value));
    }
    out
}

fn compare(name: &str, arguments: &[Value]) -> Result<bool, String> {
    let (first, others) =
        arguments.split_first().filter(|(_, rest)| !rest.is_empty()).ok_or("wants two arguments")?;
    if name == "eq" {
        return Ok(others.iter().any(|other| ordering(first, other) == Some(Ordering::Equal)));
    }
    let order = ordering(first, &others[0]);
    if name == "ne" {
        return Ok(order != Some(Ordering::Equal));
    }
    let order = order.ok_or_else(|| format!("cannot compare {} with {}", kind(first), kind(&others[0])))?;
    Ok(match name {
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        "gt" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn ordering(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => (a == b).then_some(Ordering::Equal),
    }
}

fn title(text: &str) -> String {
    let mut start = true;
    let letters = text.chars().map(|c| {
        let shown = if start { c.to_uppercase().collect::<String>() } else { c.to_string() };
        start = c.is_whitespace();
        shown
    });
    letters.collect()
}

fn join(arguments: &[Value]) -> Result<Value, String> {
    match arguments {
        [Value::Null, Value::String(_)] => Ok(Value::from("")),
        [Value::Array(list), Value::String(separator)] => {
            Ok(Value::from(list.iter().map(print::nested).collect::<Vec<_>>().join(separator)))
        }
        _ => Err("wants a list and a separator".to_owned()),
    }
}

fn split(arguments: &[Value]) -> Result<Value, String> {
    match arguments {
        [Value::String(text), Value::String(separator)] => {
            Ok(text.split(separator.as_str()).map(Value::from).collect())
        }
        _ => Err("wants a string and a separator".to_owned()),
    }
}

fn pad(arguments: &[Value]) -> Result<Value, String> {
    match arguments {
        [Value::String(text), before, after] if text.is_empty() => {
            let _ = (whole(before)?, whole(after)?);
            Ok(Value::from(""))
        }
        [Value::String(text), before, after] => {
            Ok(Value::from(format!("{}{text}{}", " ".repeat(whole(before)?), " ".repeat(whole(after)?))))
        }
        _ => Err("wants a string and two numbers".to_owned()),
    }
}

fn truncate(arguments: &[Value]) -> Result<Value, String> {
    match arguments {
        [Value::String(text), length] => {
            Ok(Value::from(text.chars().take(whole(length)?).collect::<String>()))
        }
        _ => Err("wants a string and a number".to_owned()),
    }
}
