//! `ENV`, `LABEL` and `ARG`: names with values.

use super::{Arguments, Result};
use crate::dockerfile::error::ParseErrorKind;
use crate::dockerfile::instruction::ArgDefault;
use crate::dockerfile::words;

/// `name=value …`, or the old form `name value with blanks`.
pub(super) fn env_or_label(arguments: &Arguments<'_>) -> Result<Vec<(String, String)>> {
    let text = arguments.plain()?;
    let words = words::split(&text, arguments.escape);
    match words.first() {
        Some(first) if !first.contains('=') => old_form(arguments.name, &text, first),
        _ => words.into_iter().map(|word| pair(arguments.name, word)).collect(),
    }
}

fn old_form(instruction: &'static str, text: &str, name: &str) -> Result<Vec<(String, String)>> {
    let value = text[name.len()..].trim();
    match value.is_empty() {
        true => Err(ParseErrorKind::NotAPair { instruction, word: name.to_owned() }),
        false => Ok(vec![(name.to_owned(), value.to_owned())]),
    }
}

fn pair(instruction: &'static str, word: &str) -> Result<(String, String)> {
    match word.split_once('=') {
        None => Err(ParseErrorKind::NotAPair { instruction, word: word.to_owned() }),
        Some(("", _)) => Err(ParseErrorKind::EmptyName { instruction }),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
    }
}

pub(super) fn arg(arguments: &Arguments<'_>) -> Result<Vec<ArgDefault>> {
    let text = arguments.plain()?;
    let argument = |word: &str| match word.split_once('=') {
        Some(("", _)) => Err(ParseErrorKind::EmptyName { instruction: "ARG" }),
        Some((name, value)) => Ok(ArgDefault { name: name.to_owned(), value: Some(value.to_owned()) }),
        None => Ok(ArgDefault { name: word.to_owned(), value: None }),
    };
    words::split(&text, arguments.escape).into_iter().map(argument).collect()
}
