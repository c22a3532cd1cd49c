//! Flags between an instruction's name and its arguments: `--name=value`.

use super::error::ParseErrorKind;
use super::words;
use crate::suggest;

/// The flags of one instruction, taken out one by one.
#[derive(Debug)]
pub(super) struct Flags {
    instruction: &'static str,
    /// (name, value) in the order given.
    given: Vec<(String, Option<String>)>,
}

impl Flags {
    /// Splits the flags off the front of `arguments`; gives them and the rest. A lone `--` ends them.
    pub(super) fn split<'a>(
        instruction: &'static str,
        arguments: &'a str,
        escape: char,
    ) -> Result<(Self, &'a str), ParseErrorKind> {
        let mut given = Vec::new();
        let mut rest = arguments.trim_start();
        while rest.starts_with("--") {
            let word = words::split(rest, escape).first().copied().unwrap_or(rest);
            rest = rest[word.len()..].trim_start();
            if word == "--" {
                break;
            }
            given.push(flag(word));
        }
        Ok((Self { instruction, given }, rest))
    }

    /// Every value of a flag that may be repeated.
    pub(super) fn all(&mut self, name: &str) -> Result<Vec<String>, ParseErrorKind> {
        let (wanted, others) =
            std::mem::take(&mut self.given).into_iter().partition(|(given, _)| given == name);
        self.given = others;
        let wanted: Vec<(String, Option<String>)> = wanted;
        let missing = || ParseErrorKind::FlagWithoutValue { flag: name.to_owned() };
        wanted.into_iter().map(|(_, value)| value.ok_or_else(missing)).collect()
    }

    /// The value of a flag that may be given once.
    pub(super) fn one(&mut self, name: &str) -> Result<Option<String>, ParseErrorKind> {
        let mut values = self.all(name)?;
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(ParseErrorKind::RepeatedFlag { flag: name.to_owned() }),
        }
    }

    /// The value of a flag, understood by `read`.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ParseErrorKind> {
        let Some(value) = self.one(name)? else { return Ok(None) };
        match read(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(ParseErrorKind::BadFlag { flag: name.to_owned(), value, expected }),
        }
    }

    /// A flag that is on when given without a value.
    pub(super) fn switch(&mut self, name: &str) -> Result<Option<bool>, ParseErrorKind> {
        for (given, value) in &mut self.given {
            if given == name && value.is_none() {
                *value = Some("true".to_owned());
            }
        }
        self.parsed(name, "true or false", |value| value.to_ascii_lowercase().parse().ok())
    }

    /// To be called when every known flag (`known`) was taken: what is left is an error.
    pub(super) fn finish(self, known: &[&'static str]) -> Result<(), ParseErrorKind> {
        let Some((flag, _)) = self.given.into_iter().next() else { return Ok(()) };
        let suggestion = suggest::nearest(&flag, known);
        Err(ParseErrorKind::UnknownFlag { instruction: self.instruction, flag, suggestion })
    }
}

fn flag(word: &str) -> (String, Option<String>) {
    let plain = words::unquote(word).unwrap_or_else(|| word.to_owned());
    let body = plain.trim_start_matches("--");
    match body.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (body.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_end_at_the_first_other_word() {
        let (mut flags, rest) = Flags::split("COPY", r#"--from=a --link "--chown=x" --b"#, '\\').unwrap();
        assert_eq!(rest, r#""--chown=x" --b"#);
        assert_eq!(flags.one("from").unwrap().as_deref(), Some("a"));
        assert_eq!(flags.switch("link").unwrap(), Some(true));
        flags.finish(&[]).unwrap();
    }

    #[test]
    fn a_flag_that_is_left_is_unknown() {
        let (flags, _) = Flags::split("COPY", "--form=a x y", '\\').unwrap();
        assert_eq!(
            flags.finish(&["chown", "from"]),
            Err(ParseErrorKind::UnknownFlag {
                instruction: "COPY",
                flag: "form".into(),
                suggestion: Some("from")
            })
        );
    }

    #[test]
    fn values_are_needed_once() {
        let (mut flags, _) = Flags::split("COPY", "--from x y", '\\').unwrap();
        assert_eq!(flags.one("from"), Err(ParseErrorKind::FlagWithoutValue { flag: "from".into() }));
        let (mut flags, _) = Flags::split("COPY", "--from=a --from=b", '\\').unwrap();
        assert_eq!(flags.one("from"), Err(ParseErrorKind::RepeatedFlag { flag: "from".into() }));
    }
}
