//! The one report type at the edge: what the user is told, and the exit code.

use std::error::Error;
use std::fmt::Write as _;

/// The exit code of a command that came to an end of its own.
///
/// `0` is success; `125` the engine refused; `126`/`127` the container's command could not be
/// executed or found; `128+n` it died of signal `n`; anything else is the container's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    /// All went well.
    pub(crate) const SUCCESS: Exit = Exit(0);
}

/// How a command ends.
pub(crate) type Outcome = Result<Exit, Failure>;

/// A failed command: text for the user and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

impl Failure {
    /// A failure with a message of the command's own.
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), hint: None, exit: Exit(1) }
    }

    /// A failure that has been told to the user already: only the exit code is left.
    pub(crate) fn silent(exit: Exit) -> Failure {
        Failure { message: String::new(), hint: None, exit }
    }

    /// The same failure with another exit code.
    #[must_use]
    pub(crate) fn with_exit(mut self, code: u8) -> Failure {
        self.exit = Exit(code);
        self
    }

    /// The same failure with a line on what to do about it.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The process's exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The message without prefix and hint.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What is printed on standard error; empty when the user knows already.
    pub(crate) fn render(&self) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        let mut text = format!("berth: {}\n", self.message.trim_end());
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n{}\n", hint.trim_end());
        }
        text
    }
}

/// Prints the chain of causes once, outermost first.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let _ = write!(message, ": {inner}");
            cause = inner.source();
        }
        Failure::new(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the file")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_chain_of_causes_is_printed_once_outermost_first() {
        let failure = Failure::from(Outer(std::io::Error::other("disk gone")));
        assert_eq!(failure.render(), "berth: cannot read the file: disk gone\n");
    }

    #[test]
    fn a_hint_stands_in_a_paragraph_of_its_own() {
        let failure = Failure::new("no").with_hint("Try again.").with_exit(125);
        assert_eq!(failure.render(), "berth: no\n\nTry again.\n");
        assert_eq!(failure.exit(), Exit(125));
    }
}
