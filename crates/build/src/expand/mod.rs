//! Quotes, escapes and variables in the arguments of instructions, pure.
//!
//! The rules are those of the Dockerfile reference: single quotes keep everything, double quotes keep blanks, a
//! variable is `$NAME` or `${NAME}` with the modifiers `:-` `:+` `:?` (and without the colon), `#` `##` `%` `%%`
//! `/` `//`. An unset variable is empty.

mod lexer;
mod output;
mod pattern;

use lexer::Lexer;

/// Looks a variable up; `None` if it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text that cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote or brace is opened and not closed.
    #[error("{opened} is not closed in {text:?}")]
    Unclosed {
        /// What was opened.
        opened: &'static str,
        /// The whole text.
        text: String,
    },
    /// `${…}` without a name or with an unknown modifier.
    #[error("{text:?} is not a valid variable substitution{}", at(rest))]
    BadSubstitution {
        /// The whole text.
        text: String,
        /// What stands where a modifier is expected.
        rest: String,
    },
    /// `${NAME:?message}` and the variable is not set, or is empty.
    #[error("{name}: {message}")]
    Required {
        /// Name of the variable.
        name: String,
        /// The message, or a default one.
        message: String,
    },
    /// Substitutions inside substitutions, too deep.
    #[error("substitutions are nested more than {0} deep")]
    TooDeep(usize),
    /// The result would be too long.
    #[error("the expanded text is longer than {0} bytes")]
    TooLong(usize),
}

fn at(rest: &str) -> String {
    if rest.is_empty() { String::new() } else { format!(" at {rest:?}") }
}

/// Expands `text` to one string: quotes and escapes are removed, variables replaced.
///
/// # Errors
/// See [`ExpandError`].
pub fn word(text: &str, escape: char, lookup: Lookup<'_>) -> Result<String, ExpandError> {
    Lexer::new(text, escape, lookup).run().map(|output| output.into_text())
}

/// As [`word`]; with it, the names of variables that are not set and have no substitute.
pub(crate) fn with_unset(
    text: &str,
    escape: char,
    lookup: Lookup<'_>,
) -> Result<(String, Vec<String>), ExpandError> {
    Lexer::new(text, escape, lookup).run_with_unset().map(|(output, unset)| (output.into_text(), unset))
}

/// Expands `text` to words: split at blanks outside quotes, also at those a variable brings.
///
/// # Errors
/// See [`ExpandError`].
pub fn words(text: &str, escape: char, lookup: Lookup<'_>) -> Result<Vec<String>, ExpandError> {
    Lexer::new(text, escape, lookup).run().map(|output| output.into_words())
}

/// Expands a here-document: variables are replaced, quotes are kept, the escape character protects only `$` and
/// itself.
///
/// # Errors
/// See [`ExpandError`].
pub fn document(text: &str, escape: char, lookup: Lookup<'_>) -> Result<String, ExpandError> {
    Lexer::new(text, escape, lookup).document().map(|output| output.into_text())
}

#[cfg(test)]
mod tests;
