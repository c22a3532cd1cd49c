//! The template language.
//!
//! `$$` is a dollar sign; a `$` that starts neither a name nor `${` is itself. What stands in for a missing or
//! present value is a template again, and is looked at only when it is used.

use std::ops::Range;

/// Templates within templates.
const DEEPEST: usize = 32;

/// A text with its variables replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Substituted {
    pub(crate) text: String,
    /// Variables without a value and without a default, with their bytes in the text.
    pub(crate) unset: Vec<(String, Range<usize>)>,
}

/// Why a text cannot be interpolated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// Bytes of the text that it is about.
    pub(crate) range: Range<usize>,
    pub(crate) kind: TemplateErrorKind,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateErrorKind {
    /// `${` without `}`.
    Unclosed,
    /// No variable name after `${`.
    NoName,
    /// Something else than `}` or an operator after the name.
    UnknownOperator,
    /// Too many templates within templates.
    TooDeep,
    /// `${NAME:?message}` without a value.
    Required { name: String, message: String },
}

/// Replaces the variables of a text by what `lookup` says.
pub(crate) fn substitute(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Substituted, TemplateError> {
    if !text.contains('$') {
        return Ok(Substituted { text: text.to_owned(), unset: Vec::new() });
    }
    let pieces = Reader { text, at: 0 }.pieces(0)?;
    let mut out = Substituted { text: String::with_capacity(text.len()), unset: Vec::new() };
    evaluate(&pieces, lookup, &mut out)?;
    Ok(out)
}

/// A part of a template.
#[derive(Debug)]
enum Piece<'a> {
    Text(&'a str),
    Variable { name: &'a str, range: Range<usize>, rule: Option<Rule<'a>> },
}

/// `:-`, `-`, `:?`, `?`, `:+` or `+`, with what follows.
#[derive(Debug)]
struct Rule<'a> {
    kind: RuleKind,
    /// With `:`, an empty value counts as none.
    empty_is_unset: bool,
    word: Vec<Piece<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RuleKind {
    Default,
    Error,
    Replacement,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, start: usize, kind: TemplateErrorKind) -> TemplateError {
        TemplateError { range: start..self.text.len().min(self.at.max(start + 1)), kind }
    }

    /// Pieces up to the end of the text, or within `${…}` (depth > 0) up to its `}`, which is consumed.
    fn pieces(&mut self, depth: usize) -> Result<Vec<Piece<'a>>, TemplateError> {
        let mut pieces = Vec::new();
        let mut open_braces = 0_usize;
        let mut text_start = self.at;
        while let Some(c) = self.rest().chars().next() {
            match c {
                '$' => {
                    push_text(&mut pieces, &self.text[text_start..self.at]);
                    pieces.push(self.dollar(depth)?);
                    text_start = self.at;
                    continue;
                }
                '{' if depth > 0 => open_braces += 1,
                '}' if depth > 0 && open_braces > 0 => open_braces -= 1,
                '}' if depth > 0 => {
                    push_text(&mut pieces, &self.text[text_start..self.at]);
                    self.at += 1;
                    return Ok(pieces);
                }
                _ => {}
            }
            self.at += c.len_utf8();
        }
        if depth > 0 {
            return Err(self.error(text_start.min(self.at), TemplateErrorKind::Unclosed));
        }
        push_text(&mut pieces, &self.text[text_start..self.at]);
        Ok(pieces)
    }

    /// What a `$` starts.
    fn dollar(&mut self, depth: usize) -> Result<Piece<'a>, TemplateError> {
        let start = self.at;
        let after = &self.text[start + 1..];
        if after.starts_with('$') {
            self.at += 2;
            return Ok(Piece::Text(&self.text[start..=start]));
        }
        if after.starts_with('{') {
            self.at += 2;
            return self.braced(start, depth);
        }
        self.at += 1;
        let name = self.name();
        if name.is_empty() {
            return Ok(Piece::Text(&self.text[start..=start]));
        }
        Ok(Piece::Variable { name, range: start..self.at, rule: None })
    }

    /// After `${`.
    fn braced(&mut self, start: usize, depth: usize) -> Result<Piece<'a>, TemplateError> {
        if depth >= DEEPEST {
            return Err(self.error(start, TemplateErrorKind::TooDeep));
        }
        let name = self.name();
        if name.is_empty() {
            return Err(self.error(start, TemplateErrorKind::NoName));
        }
        let Some((kind, empty_is_unset)) = self.operator() else {
            return self.end_of_plain(start, name);
        };
        let word = self.pieces(depth + 1).map_err(|error| self.at_least_from(start, error))?;
        Ok(Piece::Variable { name, range: start..self.at, rule: Some(Rule { kind, empty_is_unset, word }) })
    }

    fn end_of_plain(&mut self, start: usize, name: &'a str) -> Result<Piece<'a>, TemplateError> {
        match self.rest().chars().next() {
            Some('}') => {
                self.at += 1;
                Ok(Piece::Variable { name, range: start..self.at, rule: None })
            }
            Some(_) => Err(self.error(start, TemplateErrorKind::UnknownOperator)),
            None => Err(self.error(start, TemplateErrorKind::Unclosed)),
        }
    }

    /// An unclosed template is best shown from its `${`.
    fn at_least_from(&self, start: usize, error: TemplateError) -> TemplateError {
        match error.kind {
            TemplateErrorKind::Unclosed => TemplateError { range: start..self.text.len(), ..error },
            _ => error,
        }
    }

    fn operator(&mut self) -> Option<(RuleKind, bool)> {
        let rest = self.rest();
        let (empty_is_unset, mark) = match rest.strip_prefix(':') {
            Some(after) => (true, after),
            None => (false, rest),
        };
        let kind = match mark.chars().next()? {
            '-' => RuleKind::Default,
            '?' => RuleKind::Error,
            '+' => RuleKind::Replacement,
            _ => return None,
        };
        self.at += 1 + usize::from(empty_is_unset);
        Some((kind, empty_is_unset))
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let is_first = |c: char| c == '_' || c.is_ascii_alphabetic();
        if !rest.starts_with(is_first) {
            return "";
        }
        let len = rest.find(|c: char| !(c == '_' || c.is_ascii_alphanumeric())).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }
}

fn push_text<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
}

fn evaluate(
    pieces: &[Piece<'_>],
    lookup: &dyn Fn(&str) -> Option<String>,
    out: &mut Substituted,
) -> Result<(), TemplateError> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.text.push_str(text),
            Piece::Variable { name, range, rule } => variable(name, range, rule.as_ref(), lookup, out)?,
        }
    }
    Ok(())
}

fn variable(
    name: &str,
    range: &Range<usize>,
    rule: Option<&Rule<'_>>,
    lookup: &dyn Fn(&str) -> Option<String>,
    out: &mut Substituted,
) -> Result<(), TemplateError> {
    let value = lookup(name);
    let Some(rule) = rule else {
        match value {
            Some(value) => out.text.push_str(&value),
            None => out.unset.push((name.to_owned(), range.clone())),
        }
        return Ok(());
    };
    let is_set = value.as_ref().is_some_and(|v| !(rule.empty_is_unset && v.is_empty()));
    match (rule.kind, is_set) {
        (RuleKind::Default | RuleKind::Error, true) => out.text.push_str(&value.unwrap_or_default()),
        (RuleKind::Default, false) | (RuleKind::Replacement, true) => evaluate(&rule.word, lookup, out)?,
        // An empty value stays what it is: `${VAR:+x}` with an empty VAR is empty.
        (RuleKind::Replacement, false) => {}
        (RuleKind::Error, false) => {
            let mut message = Substituted { text: String::new(), unset: Vec::new() };
            evaluate(&rule.word, lookup, &mut message)?;
            let kind = TemplateErrorKind::Required { name: name.to_owned(), message: message.text };
            return Err(TemplateError { range: range.clone(), kind });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            "_x9" => Some("under".to_owned()),
            _ => None,
        }
    }

    fn done(text: &str) -> String {
        substitute(text, &lookup).unwrap().text
    }

    fn failed(text: &str) -> TemplateErrorKind {
        substitute(text, &lookup).unwrap_err().kind
    }

    #[test]
    fn every_form_has_its_meaning() {
        for (template, expected) in [
            ("a $SET b", "a value b"),
            ("${SET}", "value"),
            ("$_x9.", "under."),
            ("${UNSET}", ""),
            ("${SET:-d}", "value"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${UNSET:-d}", "d"),
            ("${UNSET-d}", "d"),
            ("${UNSET:-}", ""),
            ("${SET:?e}", "value"),
            ("${EMPTY?e}", ""),
            ("${SET:+r}", "r"),
            ("${EMPTY:+r}", ""),
            ("${EMPTY+r}", "r"),
            ("${UNSET+r}", ""),
        ] {
            assert_eq!(done(template), expected, "{template}");
        }
    }

    #[test]
    fn templates_nest() {
        for (template, expected) in [
            ("${UNSET:-${SET}}", "value"),
            ("${UNSET:-a${ALSO:-b${SET}c}d}e", "abvaluecde"),
            ("${UNSET:-{\"a\": {\"b\": \"$SET\"}}}", "{\"a\": {\"b\": \"value\"}}"),
            ("${SET:+${UNSET:?never}}x", ""),
        ] {
            match substitute(template, &lookup) {
                Ok(out) => assert_eq!(out.text, expected, "{template}"),
                Err(error) => {
                    assert_eq!(
                        error.kind,
                        TemplateErrorKind::Required { name: "UNSET".into(), message: "never".into() }
                    );
                }
            }
        }
        assert_eq!(done("${SET:-${UNSET:?not looked at}}"), "value");
    }

    #[test]
    fn dollars_that_start_nothing_are_kept() {
        for (template, expected) in [
            ("$$SET", "$SET"),
            ("$$$SET", "$value"),
            ("cost: 5$", "cost: 5$"),
            ("$1 $ $-", "$1 $ $-"),
            ("$${SET}", "${SET}"),
        ] {
            assert_eq!(done(template), expected, "{template}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert_eq!(failed("${SET"), TemplateErrorKind::Unclosed);
        assert_eq!(failed("${UNSET:-a"), TemplateErrorKind::Unclosed);
        assert_eq!(failed("${}"), TemplateErrorKind::NoName);
        assert_eq!(failed("${1}"), TemplateErrorKind::NoName);
        assert_eq!(failed("${SET/a/b}"), TemplateErrorKind::UnknownOperator);
        let required = TemplateErrorKind::Required { name: "UNSET".into(), message: "set value!".into() };
        assert_eq!(failed("${UNSET:?set $SET!}"), required);
        assert_eq!(failed(&"${A:-".repeat(1000)), TemplateErrorKind::TooDeep);
    }

    #[test]
    fn unset_variables_are_told_with_their_place() {
        let out = substitute("a ${UNSET} $ALSO", &lookup).unwrap();
        assert_eq!(out.unset, [("UNSET".to_owned(), 2..10), ("ALSO".to_owned(), 11..16)]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[${}A-Za:?+\\-é \\PC]{0,60}") {
            let _ = substitute(&text, &lookup);
        }

        #[test]
        fn escaping_keeps_any_text(text in "\\PC{0,40}") {
            prop_assert_eq!(done(&text.replace('$', "$$")), text);
        }
    }
}
