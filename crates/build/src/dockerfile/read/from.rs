//! `FROM`

use super::{Arguments, Result};
use crate::dockerfile::error::ParseErrorKind;
use crate::dockerfile::instruction::From;

pub(super) fn from(arguments: &Arguments<'_>) -> Result<From> {
    let (mut flags, rest) = arguments.flags()?;
    let platform = flags.one("platform")?;
    flags.finish(&["platform"])?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (image, alias) = match words.as_slice() {
        [image] => (image, None),
        [image, word, name] if word.eq_ignore_ascii_case("AS") => (image, Some(stage_name(name)?)),
        _ => return Err(ParseErrorKind::FromForm),
    };
    Ok(From { image: (*image).to_owned(), alias, platform })
}

fn stage_name(name: &str) -> Result<String> {
    let lower = name.to_ascii_lowercase();
    let valid = lower.starts_with(|c: char| c.is_ascii_lowercase())
        && lower.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match valid {
        true => Ok(lower),
        false => Err(ParseErrorKind::StageName { name: name.to_owned() }),
    }
}
