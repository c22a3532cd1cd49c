//! Values as Go's `%v` prints them.

use serde_json::{Number, Value};

/// A value in the output: no value is `<no value>`.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        other => nested(other),
    }
}

/// A value inside another, or given to a function that prints: nothing is `<nil>`.
pub(crate) fn nested(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => self::number(number),
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("[{}]", list.iter().map(nested).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(key, _)| key.as_str());
            let pairs: Vec<_> =
                keys.into_iter().map(|(key, value)| format!("{key}:{}", nested(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
    }
}

fn number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => go_float(float),
        _ => number.to_string(),
    }
}

/// The shortest form; with an exponent below 1e-4 and from 1e21 on.
fn go_float(float: f64) -> String {
    let size = float.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{float}")
}

/// A value as JSON in one line; methods are no part of it.
pub(crate) fn json(value: &Value) -> String {
    match value {
        Value::Object(map) if map.keys().any(|key| key.ends_with("()")) => {
            let fields = map.iter().filter(|(key, _)| !key.ends_with("()"));
            let fields: serde_json::Map<_, _> =
                fields.map(|(key, value)| (key.clone(), value.clone())).collect();
            Value::Object(fields).to_string()
        }
        other => other.to_string(),
    }
}
