//! The dotenv format: `.env`, `--env-file` and `env_file`.
//!
//! `KEY=value` lines; `export` in front is allowed, `KEY` alone takes the value from outside. An unquoted value
//! ends at ` #` or the line's end; a quoted one may span lines. Variables are interpolated except in single quotes.

use crate::interpolate::{TemplateError, substitute};

/// A variable with the line it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Variables in the value that have none themselves.
    pub(crate) unset: Vec<String>,
    pub(crate) line: u32,
}

/// Why a text is not in dotenv format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DotenvError {
    /// Line, counted from 1.
    pub(crate) line: u32,
    pub(crate) kind: DotenvErrorKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DotenvErrorKind {
    /// A character that no name has.
    BadName(String),
    /// `=` without a name.
    NoName,
    /// A quote that is not closed.
    Unterminated,
    /// Something after the closing quote that is no comment.
    AfterQuote(String),
    /// The value cannot be interpolated.
    Template(TemplateError),
}

/// Reads a text. `lookup` knows the variables from outside; they win over those set above in the text.
pub(crate) fn parse(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Assignment>, DotenvError> {
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut out: Vec<Assignment> = Vec::new();
    while reader.skip_to_statement() {
        if let Some(assignment) = reader.statement(&out, lookup)? {
            out.push(assignment);
        }
    }
    Ok(out)
}

/// Reads a text in which values are taken as they are: no quotes, no comments behind values, no interpolation.
pub(crate) fn parse_raw(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Assignment>, DotenvError> {
    let mut out = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (name, value) = match content.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (content.trim_end(), lookup(content.trim_end())),
        };
        if name.is_empty() {
            return Err(DotenvError { line, kind: DotenvErrorKind::NoName });
        }
        if name.contains(char::is_whitespace) {
            return Err(DotenvError { line, kind: DotenvErrorKind::BadName(name.to_owned()) });
        }
        if let Some(value) = value {
            out.push(Assignment { name: name.to_owned(), value, unset: Vec::new(), line });
        }
    }
    Ok(out)
}

struct Reader<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Reader<'a> {
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += u32::try_from(taken.matches('\n').count()).unwrap_or(0);
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        let len = self.rest.find(|c: char| !is_blank(c)).unwrap_or(self.rest.len());
        self.advance(len);
    }

    fn rest_of_line(&self) -> &'a str {
        self.rest.split('\n').next().unwrap_or_default()
    }

    /// Skips empty lines and comments; false at the end of the text.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            let spaces = self.rest.find(|c: char| !c.is_whitespace()).unwrap_or(self.rest.len());
            self.advance(spaces);
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.advance(self.rest_of_line().len());
        }
    }

    fn error(&self, kind: DotenvErrorKind) -> DotenvError {
        DotenvError { line: self.line, kind }
    }

    /// One variable; `None` when it takes its value from outside and there is none, or its name is a number.
    fn statement(
        &mut self,
        above: &[Assignment],
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Assignment>, DotenvError> {
        self.skip_export();
        let line = self.line;
        let name = self.name()?;
        self.skip_blanks();
        let assigned = self.rest.starts_with(['=', ':']);
        if !assigned {
            return self.inherited(name, line, lookup);
        }
        self.advance(1);
        self.skip_blanks();
        let with_above = |variable: &str| {
            lookup(variable)
                .or_else(|| above.iter().rev().find(|a| a.name == variable).map(|a| a.value.clone()))
        };
        let (value, unset) = self.value(&with_above)?;
        let kept = !name.starts_with(|c: char| c.is_ascii_digit());
        Ok(kept.then_some(Assignment { name, value, unset, line }))
    }

    fn skip_export(&mut self) {
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with(is_blank)
        {
            self.advance("export".len());
            self.skip_blanks();
        }
    }

    fn name(&mut self) -> Result<String, DotenvError> {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
        let len = self.rest.find(|c: char| !is_name(c)).unwrap_or(self.rest.len());
        let name = self.rest[..len].to_owned();
        let after = self.rest[len..].trim_start_matches(is_blank);
        if !(after.is_empty() || after.starts_with(['=', ':', '\n', '#'])) {
            return Err(self.error(DotenvErrorKind::BadName(self.rest_of_line().trim_end().to_owned())));
        }
        if name.is_empty() {
            return Err(self.error(DotenvErrorKind::NoName));
        }
        self.advance(len);
        Ok(name)
    }

    fn inherited(
        &mut self,
        name: String,
        line: u32,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Assignment>, DotenvError> {
        self.advance(self.rest_of_line().len());
        Ok(lookup(&name).map(|value| Assignment { name, value, unset: Vec::new(), line }))
    }

    fn value(
        &mut self,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(String, Vec<String>), DotenvError> {
        let line = self.line;
        let template = match self.rest.chars().next() {
            Some('\'') => return Ok((self.quoted('\'')?, Vec::new())),
            Some('"') => unescape(&self.quoted('"')?),
            _ => self.unquoted(),
        };
        let done = substitute(&template, lookup)
            .map_err(|error| DotenvError { line, kind: DotenvErrorKind::Template(error) })?;
        Ok((done.text, done.unset.into_iter().map(|(name, _)| name).collect()))
    }

    fn unquoted(&mut self) -> String {
        let line = self.advance(self.rest_of_line().len());
        let value = if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default() };
        value.trim_end().to_owned()
    }

    /// The text between two quotes; a backslash before the quote is dropped, others are kept.
    fn quoted(&mut self, quote: char) -> Result<String, DotenvError> {
        let mut out = String::new();
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                '\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                _ if c == quote && !escaped => {
                    self.advance(at + 1);
                    return self.end_of_quoted().map(|()| out);
                }
                _ => {
                    if escaped && c != quote {
                        out.push('\\');
                    }
                    out.push(c);
                    escaped = false;
                }
            }
        }
        Err(self.error(DotenvErrorKind::Unterminated))
    }

    fn end_of_quoted(&mut self) -> Result<(), DotenvError> {
        let after = self.rest_of_line().trim();
        if !(after.is_empty() || after.starts_with('#')) {
            return Err(self.error(DotenvErrorKind::AfterQuote(after.to_owned())));
        }
        self.advance(self.rest_of_line().len());
        Ok(())
    }
}

/// White space within a line.
fn is_blank(c: char) -> bool {
    c.is_whitespace() && c != '\n'
}

/// The escapes of double quotes; `\$` becomes `$$`, which interpolation makes a `$`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('v') => out.push('\u{b}'),
            Some('"') => out.push('"'),
            Some('\\') => out.push('\\'),
            Some('$') => out.push_str("$$"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outside(name: &str) -> Option<String> {
        (name == "OUTSIDE").then(|| "from outside".to_owned())
    }

    fn values(text: &str) -> Vec<(String, String)> {
        parse(text, &outside).unwrap().into_iter().map(|a| (a.name, a.value)).collect()
    }

    fn value(text: &str) -> String {
        values(text).pop().unwrap().1
    }

    #[test]
    fn plain_lines_are_trimmed_and_comments_dropped() {
        for (text, expected) in [
            ("A=b", "b"),
            ("A = b  ", "b"),
            ("A: b", "b"),
            ("export A=b", "b"),
            ("A=b # comment", "b"),
            ("A=b#kept", "b#kept"),
            ("A=", ""),
            ("A= # comment", ""),
            ("A=a=b", "a=b"),
            ("A=\r\n", ""),
            ("\u{feff}A=b\r\n", "b"),
            ("A=x \"y\"", "x \"y\""),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn quotes_keep_spaces_lines_and_hashes() {
        for (text, expected) in [
            ("A=\" b # c \" # d", " b # c "),
            ("A='a\nb'\n", "a\nb"),
            ("A=\"a\\nb\\t\\\"c\\\"\"", "a\nb\t\"c\""),
            ("A='a\\nb'", "a\\nb"),
            ("A='it\\'s'", "it's"),
            ("A=\"\\$X $$Y\"", "$X $Y"),
            ("A='$OUTSIDE'", "$OUTSIDE"),
            ("A=\"\\\\\"", "\\"),
            ("A=\"\\q\"", "\\q"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn variables_come_from_outside_first_and_then_from_above() {
        assert_eq!(value("A=1\nB=${A}-$OUTSIDE-${NO:-d}"), "1-from outside-d");
        assert_eq!(value("OUTSIDE=mine\nB=$OUTSIDE"), "from outside");
        assert_eq!(values("OUTSIDE\nMISSING\n"), [("OUTSIDE".to_owned(), "from outside".to_owned())]);
    }

    #[test]
    fn errors_name_their_line() {
        let error = |text: &str| parse(text, &outside).unwrap_err();
        assert_eq!(error("A=1\n\nB C=2").line, 3);
        assert_eq!(error("\n=x").kind, DotenvErrorKind::NoName);
        assert_eq!(error("A=\"x\n\n").kind, DotenvErrorKind::Unterminated);
        assert_eq!(error("A=1\nB=\"x\" y").kind, DotenvErrorKind::AfterQuote("y".to_owned()));
        assert!(matches!(error("A=1\nB=${X:?no}").kind, DotenvErrorKind::Template(_)));
    }

    #[test]
    fn raw_values_are_taken_as_they_are() {
        let out = parse_raw("# c\nA=\"x\" # y\nOUTSIDE\nNONE\nB=$C", &outside).unwrap();
        let pairs: Vec<_> = out.iter().map(|a| (a.name.as_str(), a.value.as_str())).collect();
        assert_eq!(pairs, [("A", "\"x\" # y"), ("OUTSIDE", "from outside"), ("B", "$C")]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[A-C=:#'\"\\\\$ \\n{}é\\PC]{0,60}") {
            let _ = parse(&text, &outside);
            let _ = parse_raw(&text, &outside);
        }

        #[test]
        fn single_quotes_keep_any_text(text in "[^'\\\\]{0,40}") {
            prop_assert_eq!(value(&format!("A='{text}'")), text);
        }
    }
}
