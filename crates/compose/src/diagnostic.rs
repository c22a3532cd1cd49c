//! What is said to the user about the files.

use crate::model::Origin;
use std::fmt;

/// How grave a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The project cannot be loaded.
    Error,
    /// It can, but something is not as the file says.
    Warning,
}

/// One message about the files, with its place, an excerpt of the source and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub origin: Option<Origin>,
    /// What to do next.
    pub help: Option<String>,
    /// Message, place, source lines and help as text for a terminal, without colours.
    pub rendered: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}
