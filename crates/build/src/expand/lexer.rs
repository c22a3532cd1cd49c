//! Walks a text and writes its expansion.

use std::iter::Peekable;
use std::str::Chars;

use super::output::Output;
use super::{ExpandError, Lookup, pattern};

/// Substitutions may stand in substitutions this deep.
const DEPTH: usize = 40;

pub(super) struct Lexer<'a> {
    text: &'a str,
    chars: Peekable<Chars<'a>>,
    escape: char,
    lookup: Lookup<'a>,
    depth: usize,
    /// Variables that were needed and not set.
    unset: Vec<String>,
}

type Result<T> = std::result::Result<T, ExpandError>;

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, escape: char, lookup: Lookup<'a>) -> Self {
        Self { text, chars: text.chars().peekable(), escape, lookup, depth: 0, unset: Vec::new() }
    }

    /// Expands everything.
    pub(super) fn run(self) -> Result<Output> {
        self.run_with_unset().map(|(output, _)| output)
    }

    /// Expands everything; with it, the variables that were needed and not set.
    pub(super) fn run_with_unset(mut self) -> Result<(Output, Vec<String>)> {
        let mut output = Output::default();
        self.until(None, &mut output)?;
        Ok((output, self.unset))
    }

    /// The value of a variable that has no substitute.
    fn needed(&mut self, name: &str) -> Option<String> {
        let value = (self.lookup)(name);
        if value.is_none() {
            self.unset.push(name.to_owned());
        }
        value
    }

    /// Expands variables only.
    pub(super) fn document(mut self) -> Result<Output> {
        let mut output = Output::default();
        while let Some(c) = self.chars.next() {
            match c {
                '$' => self.variable(true, &mut output)?,
                c if c == self.escape => {
                    let kept = self.escaped(c, &['$']);
                    output.extend(&kept, true)?;
                }
                c => output.push_quoted(c)?,
            }
        }
        Ok(output)
    }

    /// Expands up to `stop`, which is consumed, or to the end if there is none.
    fn until(&mut self, stop: Option<char>, output: &mut Output) -> Result<()> {
        while let Some(c) = self.chars.next() {
            match c {
                c if Some(c) == stop => return Ok(()),
                '\'' => self.single_quoted(output)?,
                '"' => self.double_quoted(output)?,
                '$' => self.variable(false, output)?,
                c if c == self.escape => {
                    if let Some(next) = self.chars.next() {
                        output.push_quoted(next)?;
                    }
                }
                c => output.push(c)?,
            }
        }
        match stop {
            None => Ok(()),
            Some(_) => Err(self.unclosed("${")),
        }
    }

    fn unclosed(&self, opened: &'static str) -> ExpandError {
        ExpandError::Unclosed { opened, text: self.text.to_owned() }
    }

    fn single_quoted(&mut self, output: &mut Output) -> Result<()> {
        output.open();
        loop {
            match self.chars.next() {
                None => return Err(self.unclosed("'")),
                Some('\'') => return Ok(()),
                Some(c) => output.push_quoted(c)?,
            }
        }
    }

    fn double_quoted(&mut self, output: &mut Output) -> Result<()> {
        output.open();
        loop {
            match self.chars.next() {
                None => return Err(self.unclosed("\"")),
                Some('"') => return Ok(()),
                Some('$') => self.variable(true, output)?,
                Some(c) if c == self.escape => {
                    let kept = self.escaped(c, &['"', '$']);
                    output.extend(&kept, true)?;
                }
                Some(c) => output.push_quoted(c)?,
            }
        }
    }

    /// The escape character protects itself and `protected`, and stays before anything else.
    fn escaped(&mut self, escape: char, protected: &[char]) -> String {
        match self.chars.next_if(|&next| next == escape || protected.contains(&next)) {
            Some(next) => next.to_string(),
            None => escape.to_string(),
        }
    }

    /// What follows a `$`.
    fn variable(&mut self, quoted: bool, output: &mut Output) -> Result<()> {
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            return match name.is_empty() {
                true => output.push_quoted('$'),
                false => output.extend(&self.needed(&name).unwrap_or_default(), quoted),
            };
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(ExpandError::TooDeep(DEPTH));
        }
        let value = self.braced()?;
        self.depth -= 1;
        output.extend(&value.unwrap_or_default(), quoted)
    }

    /// A name, a positional number or one of the shell's special characters; empty if nothing of that follows.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.chars.peek() {
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                while let Some(c) = self.chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
            }
            Some(c) if c.is_ascii_digit() => {
                while let Some(c) = self.chars.next_if(char::is_ascii_digit) {
                    name.push(c);
                }
            }
            Some(c) if "@*#?-$!".contains(*c) => name.extend(self.chars.next()),
            _ => {}
        }
        name
    }

    /// What follows `${`, the closing brace included.
    fn braced(&mut self) -> Result<Option<String>> {
        let name = self.name();
        if name.is_empty() {
            return Err(self.bad_substitution());
        }
        let value = (self.lookup)(&name);
        match self.chars.next() {
            Some('}') => Ok(self.needed(&name)),
            Some(':') => {
                let Some(modifier @ ('-' | '+' | '?')) = self.chars.next() else {
                    return Err(self.bad_substitution());
                };
                self.default(&name, value.filter(|value| !value.is_empty()), modifier)
            }
            Some(modifier @ ('-' | '+' | '?')) => self.default(&name, value, modifier),
            Some(end @ ('#' | '%')) => self.stripped(value, end),
            Some('/') => self.replaced(value),
            None => Err(self.unclosed("${")),
            Some(_) => Err(self.bad_substitution()),
        }
    }

    fn bad_substitution(&self) -> ExpandError {
        ExpandError::BadSubstitution {
            text: self.text.to_owned(),
            rest: self.chars.clone().take(20).collect(),
        }
    }

    /// The word up to `stop`, expanded.
    fn operand(&mut self, stop: char) -> Result<String> {
        let mut output = Output::default();
        self.until(Some(stop), &mut output)?;
        Ok(output.into_text())
    }

    fn default(&mut self, name: &str, value: Option<String>, modifier: char) -> Result<Option<String>> {
        let word = self.operand('}')?;
        match (modifier, value) {
            ('+', value) => Ok(value.map(|_| word)),
            (_, Some(value)) => Ok(Some(value)),
            ('?', None) => {
                let message = if word.is_empty() { "the variable must be set".to_owned() } else { word };
                Err(ExpandError::Required { name: name.to_owned(), message })
            }
            (_, None) => Ok(Some(word)),
        }
    }

    /// `#` and `##` strip a prefix, `%` and `%%` a suffix; doubled means the longest.
    fn stripped(&mut self, value: Option<String>, end: char) -> Result<Option<String>> {
        let longest = self.chars.next_if_eq(&end).is_some();
        let glob = self.raw(&['}'])?.0;
        Ok(value.map(|value| match end {
            '#' => pattern::strip_prefix(&value, &glob, longest),
            _ => pattern::strip_suffix(&value, &glob, longest),
        }))
    }

    /// `/pattern/replacement`, and `//` for all matches.
    fn replaced(&mut self, value: Option<String>) -> Result<Option<String>> {
        let all = self.chars.next_if_eq(&'/').is_some();
        let (glob, stop) = self.raw(&['/', '}'])?;
        let replacement = if stop == '/' { self.operand('}')? } else { String::new() };
        Ok(value.map(|value| pattern::replace(&value, &glob, &replacement, all)))
    }

    /// A pattern up to one of `stops`, with variables replaced and escapes kept for the matcher.
    fn raw(&mut self, stops: &[char]) -> Result<(String, char)> {
        let mut output = Output::default();
        while let Some(c) = self.chars.next() {
            match c {
                c if stops.contains(&c) => return Ok((output.into_text(), c)),
                '$' => self.variable(true, &mut output)?,
                c if c == self.escape => {
                    output.push_quoted('\\')?;
                    if let Some(next) = self.chars.next() {
                        output.push_quoted(next)?;
                    }
                }
                c => output.push_quoted(c)?,
            }
        }
        Err(self.unclosed("${"))
    }
}
