//! Parser directives: `# name=value` comments at the very top.

use super::error::{ParseError, ParseErrorKind};
use super::instruction::Source;

/// The directives of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// `# syntax`: accepted and without effect, the language is built in.
    pub syntax: Option<String>,
    /// `# escape`: a backslash or a backtick.
    pub escape: char,
    /// `# check`: options of the linter, as written.
    pub check: Option<String>,
}

impl Default for Directives {
    fn default() -> Self {
        Self { syntax: None, escape: '\\', check: None }
    }
}

/// Reads the directives. The first line that is not one ends them.
pub(super) fn read(source: &Source) -> Result<Directives, ParseError> {
    let mut found = Directives::default();
    let mut seen: Vec<String> = Vec::new();
    for (number, line) in (1..).zip(&source.lines) {
        let Some((name, value)) = split(line) else { break };
        if !matches!(name.as_str(), "syntax" | "escape" | "check") {
            break;
        }
        let fail = |kind| Err(ParseError::new(source, number, number, kind));
        if seen.contains(&name) {
            return fail(ParseErrorKind::RepeatedDirective { name });
        }
        match name.as_str() {
            "syntax" => found.syntax = Some(value.to_owned()),
            "check" => found.check = Some(value.to_owned()),
            _ => match value {
                "\\" => found.escape = '\\',
                "`" => found.escape = '`',
                _ => return fail(ParseErrorKind::EscapeDirective { value: value.to_owned() }),
            },
        }
        seen.push(name);
    }
    Ok(found)
}

/// `# name = value`, the name in lower case.
fn split(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.trim().strip_prefix('#')?.split_once('=')?;
    let name = name.trim();
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    valid.then(|| (name.to_ascii_lowercase(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directives(text: &str) -> Result<Directives, ParseErrorKind> {
        read(&Source::new("Dockerfile", text)).map_err(|error| error.kind)
    }

    #[test]
    fn all_three_are_read_in_any_case() {
        let found =
            directives("# Syntax=docker/dockerfile:1\n#escape = `\n# check=skip=all\nFROM a\n").unwrap();
        assert_eq!(found.syntax.as_deref(), Some("docker/dockerfile:1"));
        assert_eq!(found.escape, '`');
        assert_eq!(found.check.as_deref(), Some("skip=all"));
    }

    #[test]
    fn a_comment_or_an_empty_line_ends_them() {
        assert_eq!(directives("# hello\n# escape=`\n").unwrap().escape, '\\');
        assert_eq!(directives("\n# escape=`\n").unwrap().escape, '\\');
        assert_eq!(directives("# unknown=1\n# escape=`\n").unwrap().escape, '\\');
    }

    #[test]
    fn wrong_ones_are_errors() {
        assert_eq!(directives("# escape=x\n"), Err(ParseErrorKind::EscapeDirective { value: "x".into() }));
        assert_eq!(
            directives("# escape=`\n# escape=`\n"),
            Err(ParseErrorKind::RepeatedDirective { name: "escape".into() })
        );
    }
}
