//! `printf`.

use serde_json::Value;

use crate::print;

/// Formats the rest of the arguments by the first.
pub(crate) fn format(arguments: &[Value]) -> Result<String, String> {
    let Some((Value::String(format), values)) = arguments.split_first() else {
        return Err("wants a format".to_owned());
    };
    let (mut out, mut values, mut rest) = (String::new(), values.iter(), format.as_str());
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let directive = Directive::parse(&rest[at + 1..]);
        rest = &rest[at + 1 + directive.length..];
        match directive.verb {
            Some('%') => out.push('%'),
            Some(verb) => match values.next() {
                Some(value) => out.push_str(&directive.padded(directive.convert(verb, value))),
                None => out.push_str(&format!("%!{verb}(MISSING)")),
            },
            None => out.push_str("%!(NOVERB)"),
        }
    }
    out.push_str(rest);
    Ok(out)
}

struct Directive {
    left: bool,
    zeros: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
    verb: Option<char>,
    length: usize,
}

impl Directive {
    fn parse(text: &str) -> Directive {
        let flags: String = text.chars().take_while(|c| "-0+ #".contains(*c)).collect();
        let after = &text[flags.len()..];
        let width: String = after.chars().take_while(char::is_ascii_digit).collect();
        let after_width = &after[width.len()..];
        let precision: Option<String> = after_width
            .strip_prefix('.')
            .map(|digits| digits.chars().take_while(char::is_ascii_digit).collect());
        let taken = flags.len() + width.len() + precision.as_ref().map_or(0, |digits| digits.len() + 1);
        let verb = text[taken..].chars().next();
        Directive {
            left: flags.contains('-'),
            zeros: flags.contains('0') && !flags.contains('-'),
            plus: flags.contains('+'),
            // A width beyond this is nobody's wish.
            width: width.parse().unwrap_or(0).min(1024),
            precision: precision.map(|digits| digits.parse().unwrap_or(0).min(1024)),
            verb,
            length: taken + verb.map_or(0, char::len_utf8),
        }
    }

    fn convert(&self, verb: char, value: &Value) -> String {
        match (verb, value) {
            ('v' | 's', Value::String(text)) => self.cut(text),
            ('v', value) => print::nested(value),
            ('s', Value::Array(_) | Value::Object(_)) => print::nested(value),
            ('q', Value::String(text)) => format!("{text:?}"),
            ('t', Value::Bool(truth)) => truth.to_string(),
            ('d', Value::Number(number)) if !number.is_f64() => {
                if self.plus && !number.to_string().starts_with('-') {
                    format!("+{number}")
                } else {
                    number.to_string()
                }
            }
            ('x', Value::Number(number)) if number.is_u64() => {
                format!("{:x}", number.as_u64().unwrap_or_default())
            }
            ('o', Value::Number(number)) if number.is_u64() => {
                format!("{:o}", number.as_u64().unwrap_or_default())
            }
            ('x', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('f', Value::Number(number)) => {
                format!("{:.*}", self.precision.unwrap_or(6), number.as_f64().unwrap_or_default())
            }
            ('c', Value::Number(number)) => {
                let code = number.as_u64().and_then(|code| u32::try_from(code).ok());
                code.and_then(char::from_u32).map(String::from).unwrap_or_default()
            }
            (verb, value) => format!("%!{verb}({})", print::nested(value)),
        }
    }

    fn cut(&self, text: &str) -> String {
        self.precision.map_or_else(|| text.to_owned(), |length| text.chars().take(length).collect())
    }

    fn padded(&self, text: String) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.left {
            text + &" ".repeat(missing)
        } else if self.zeros {
            let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else {
            " ".repeat(missing) + &text
        }
    }
}
