//! `COPY` and `ADD`

use super::{Arguments, Result};
use crate::dockerfile::error::ParseErrorKind;
use crate::dockerfile::flags::Flags;
use crate::dockerfile::instruction::Transfer;
use crate::dockerfile::{heredoc, words};

pub(super) fn copy(arguments: &Arguments<'_>) -> Result<Transfer> {
    let (mut flags, rest) = arguments.flags()?;
    let mut transfer = common(&mut flags)?;
    transfer.from = flags.one("from")?;
    if transfer.from.as_ref().is_some_and(|from| from.contains('$')) {
        return Err(ParseErrorKind::FromVariable);
    }
    transfer.parents = flags.switch("parents")?.unwrap_or(false);
    flags.finish(&["from", "chown", "chmod", "link", "parents", "exclude"])?;
    paths(arguments, rest, transfer)
}

pub(super) fn add(arguments: &Arguments<'_>) -> Result<Transfer> {
    let (mut flags, rest) = arguments.flags()?;
    let mut transfer = common(&mut flags)?;
    transfer.checksum = flags.one("checksum")?;
    transfer.keep_git_dir = flags.switch("keep-git-dir")?.unwrap_or(false);
    transfer.unpack = flags.switch("unpack")?;
    flags.finish(&["chown", "chmod", "link", "exclude", "checksum", "keep-git-dir", "unpack"])?;
    paths(arguments, rest, transfer)
}

fn common(flags: &mut Flags) -> Result<Transfer> {
    Ok(Transfer {
        chown: flags.one("chown")?,
        chmod: flags.one("chmod")?,
        link: flags.switch("link")?.unwrap_or(false),
        exclude: flags.all("exclude")?,
        ..Transfer::default()
    })
}

/// The sources and, last, the destination.
fn paths(arguments: &Arguments<'_>, rest: &str, mut transfer: Transfer) -> Result<Transfer> {
    let mut words = words::json_or_words(rest);
    let missing =
        ParseErrorKind::Missing { instruction: arguments.name, needs: "a source and a destination" };
    let Some(destination) = words.pop().filter(|_| !words.is_empty()) else { return Err(missing) };
    transfer.destination = destination;
    transfer.heredocs = arguments.line.heredocs.clone();
    let is_heredoc = |word: &String| {
        heredoc::named(word)
            .is_some_and(|named| transfer.heredocs.iter().any(|known| known.name == named.name))
    };
    words.retain(|word| !is_heredoc(word));
    transfer.sources = words;
    if transfer.sources.is_empty() && transfer.heredocs.is_empty() {
        return Err(missing);
    }
    Ok(transfer)
}
