//! Scalars, and the types that YAML 1.2 gives to plain ones.

/// A scalar: its text as written, and the type the text has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) kind: ScalarKind,
}

/// Type of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    Null,
    Bool,
    Int,
    Float,
    /// Also everything that interpolation made, whatever it looks like.
    Str,
}

impl ScalarKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool => "a boolean",
            Self::Int | Self::Float => "a number",
            Self::Str => "a string",
        }
    }

    /// The type of a plain (unquoted) scalar.
    pub(crate) fn of_plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Self::Bool,
            _ if is_int(text) => Self::Int,
            _ if is_float(text) => Self::Float,
            _ => Self::Str,
        }
    }
}

fn is_int(text: &str) -> bool {
    let digits = |rest: &str, valid: fn(&u8) -> bool| !rest.is_empty() && rest.bytes().all(|b| valid(&b));
    if let Some(rest) = text.strip_prefix("0x") {
        return digits(rest, u8::is_ascii_hexdigit);
    }
    if let Some(rest) = text.strip_prefix("0o") {
        return digits(rest, |b| matches!(b, b'0'..=b'7'));
    }
    digits(text.strip_prefix(['+', '-']).unwrap_or(text), u8::is_ascii_digit)
}

fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let starts_like_a_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let of_number_characters =
        unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    starts_like_a_number && of_number_characters && unsigned.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        use ScalarKind::*;
        for (text, kind) in [
            ("", Null),
            ("~", Null),
            ("null", Null),
            ("true", Bool),
            ("FALSE", Bool),
            ("yes", Str),
            ("no", Str),
            ("0", Int),
            ("-12", Int),
            ("0o17", Int),
            ("0xff", Int),
            ("010", Int),
            ("1.5", Float),
            ("1e3", Float),
            (".5", Float),
            (".inf", Float),
            ("1.2.3", Str),
            ("80:80", Str),
            ("e5", Str),
            ("-", Str),
            ("0x", Str),
            ("2001-01-01", Str),
            ("inf", Str),
        ] {
            assert_eq!(ScalarKind::of_plain(text), kind, "{text}");
        }
    }
}
