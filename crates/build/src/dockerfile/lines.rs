//! Physical lines to logical ones: comments, continuation lines, here-documents.

use crate::event::Warning;

use super::error::ParseError;
use super::heredoc::{self, Heredoc};
use super::instruction::Source;

/// One instruction's text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// 1-based number of the first physical line.
    pub(super) first: usize,
    /// 1-based number of the last one, here-documents included.
    pub(super) last: usize,
    /// Continuation lines joined.
    pub(super) text: String,
    /// In the order they are named.
    pub(super) heredocs: Vec<Heredoc>,
}

/// Splits a file into logical lines.
pub(super) fn read(
    source: &Source,
    escape: char,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Line>, ParseError> {
    let mut found = Vec::new();
    let mut next = 0;
    while next < source.lines.len() {
        let start = &source.lines[next];
        if start.trim().is_empty() || is_comment(start) {
            next += 1;
            continue;
        }
        let first = next + 1;
        let (text, after) = join(source, next, escape, warnings);
        let (heredocs, after) = heredoc::bodies(source, &text, escape, first, after)?;
        next = after;
        found.push(Line { first, last: next, text, heredocs });
    }
    Ok(found)
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Joins the logical line that starts at index `start`; gives it and the index after it.
fn join(source: &Source, start: usize, escape: char, warnings: &mut Vec<Warning>) -> (String, usize) {
    let mut text = String::new();
    let mut next = start;
    while let Some(line) = source.lines.get(next) {
        let line = if next == start { line.trim_start() } else { line };
        next += 1;
        if next > start + 1 && is_comment(line) {
            continue;
        }
        if line.trim().is_empty() {
            warnings.push(empty_continuation(source, next));
            continue;
        }
        match continued(line, escape) {
            Some(content) => text.push_str(content),
            None => {
                text.push_str(line);
                break;
            }
        }
    }
    (text.trim_end().to_owned(), next)
}

fn empty_continuation(source: &Source, line: usize) -> Warning {
    Warning {
        rule: "NoEmptyContinuation".into(),
        file: source.name.clone(),
        line,
        lines: Vec::new(),
        message: "an empty line inside an instruction; remove it, it will become an error".into(),
    }
}

/// The content of a line that ends with one escape character (blanks may follow it).
fn continued(line: &str, escape: char) -> Option<&str> {
    let content = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!content.ends_with(escape)).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(usize, usize, String)> {
        let source = Source::new("Dockerfile", text);
        let lines = read(&source, '\\', &mut Vec::new()).unwrap();
        lines.into_iter().map(|line| (line.first, line.last, line.text)).collect()
    }

    #[test]
    fn continuation_lines_join_and_keep_their_numbers() {
        assert_eq!(
            texts("# a\n\nRUN a \\\n  b \\  \n  c\nCMD x\n"),
            [(3, 5, "RUN a   b   c".to_owned()), (6, 6, "CMD x".to_owned())]
        );
    }

    #[test]
    fn comments_and_empty_lines_inside_are_skipped() {
        assert_eq!(texts("RUN a \\\n  # why\n\n b\n"), [(1, 4, "RUN a  b".to_owned())]);
    }

    #[test]
    fn a_doubled_escape_does_not_continue() {
        assert_eq!(
            texts("RUN a \\\\\nRUN b\n"),
            [(1, 1, "RUN a \\\\".to_owned()), (2, 2, "RUN b".to_owned())]
        );
    }

    #[test]
    fn a_file_may_end_in_a_continuation() {
        assert_eq!(texts("RUN a \\"), [(1, 1, "RUN a".to_owned())]);
    }

    #[test]
    fn windows_line_ends_are_line_ends() {
        assert_eq!(texts("RUN a \\\r\n b\r\n"), [(1, 2, "RUN a  b".to_owned())]);
    }
}
