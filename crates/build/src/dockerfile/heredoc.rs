//! Here-documents of `RUN`, `COPY` and `ADD`.

use super::error::{ParseError, ParseErrorKind};
use super::instruction::Source;
use super::words;

/// A here-document and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it; also the name of the file it becomes.
    pub name: String,
    /// The word as written, with its quotes and `<<`.
    pub word: String,
    /// Variables in it are replaced (the word was not quoted).
    pub expand: bool,
    /// Leading tabs are removed (`<<-`).
    pub chomp: bool,
    /// The lines between, as written, each with its line end.
    pub raw: String,
}

impl Heredoc {
    /// What it says: without leading tabs if it asked for that.
    pub fn content(&self) -> String {
        if !self.chomp {
            return self.raw.clone();
        }
        self.raw.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// Reads the bodies of the here-documents that `text` names, starting at line index `next`.
/// Gives them and the index after the last.
pub(super) fn bodies(
    source: &Source,
    text: &str,
    escape: char,
    first: usize,
    mut next: usize,
) -> Result<(Vec<Heredoc>, usize), ParseError> {
    let mut found = Vec::new();
    if !may_have(text) {
        return Ok((found, next));
    }
    for mut heredoc in words::split(text, escape).into_iter().filter_map(named) {
        loop {
            let Some(line) = source.lines.get(next) else {
                let kind = ParseErrorKind::UnterminatedHeredoc { name: heredoc.name };
                return Err(ParseError::new(source, first, first, kind));
            };
            next += 1;
            let end = if heredoc.chomp { line.trim_start_matches('\t') } else { line };
            if end == heredoc.name {
                break;
            }
            heredoc.raw.push_str(line);
            heredoc.raw.push('\n');
        }
        found.push(heredoc);
    }
    Ok((found, next))
}

/// Only these instructions have here-documents.
fn may_have(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let is = |word: Option<&str>, names: &[&str]| {
        word.is_some_and(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name)))
    };
    let first = words.next();
    is(first, &["RUN", "COPY", "ADD"])
        || (is(first, &["ONBUILD"]) && is(words.next(), &["RUN", "COPY", "ADD"]))
}

/// `[n]<<[-]WORD`, where WORD may be quoted.
pub(super) fn named(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (chomp, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    if rest.contains('<') {
        return None;
    }
    let name = words::unquote(rest)?;
    if name.is_empty() {
        return None;
    }
    Some(Heredoc { expand: name == rest, name, word: word.to_owned(), chomp, raw: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_dashes_are_understood() {
        let plain = named("<<EOF").unwrap();
        assert_eq!((plain.name.as_str(), plain.expand, plain.chomp), ("EOF", true, false));
        let quoted = named("3<<-'a b'").unwrap();
        assert_eq!((quoted.name.as_str(), quoted.expand, quoted.chomp), ("a b", false, true));
        assert_eq!(named("<<<EOF"), None);
        assert_eq!(named("<<"), None);
        assert_eq!(named("\"<<EOF\""), None);
        assert_eq!(named("<<'EOF"), None);
    }

    #[test]
    fn several_bodies_follow_each_other() {
        let source = Source::new("Dockerfile", "COPY <<a <<-b /\n1\na\n\t2\n\tb\nCMD x");
        let (found, next) = bodies(&source, &source.lines[0], '\\', 1, 1).unwrap();
        assert_eq!(next, 5);
        assert_eq!(found[0].content(), "1\n");
        assert_eq!((found[1].raw.as_str(), found[1].content().as_str()), ("\t2\n", "2\n"));
    }

    #[test]
    fn other_instructions_have_none() {
        let source = Source::new("Dockerfile", "CMD cat <<EOF\n");
        assert_eq!(bodies(&source, &source.lines[0], '\\', 1, 1).unwrap(), (Vec::new(), 1));
    }
}
