//! The Dockerfile language: text to a typed tree, pure.
//!
//! Follows the Dockerfile reference of Docker: parser directives, comments, continuation lines,
//! here-documents, JSON and shell forms, flags. Variables are kept as written; [`crate::expand`] replaces
//! them when the build knows their values.

mod directive;
mod duration;
mod error;
mod flags;
mod heredoc;
mod instruction;
mod lines;
mod read;
mod stage;
mod words;

pub use directive::Directives;
pub use error::{ParseError, ParseErrorKind};
pub use heredoc::Heredoc;
pub use instruction::{
    ArgDefault, Command, From, Healthcheck, HealthcheckTest, Instruction, Kind, MountFlag, MountKind, Run,
    Security, Source, Transfer,
};
pub use stage::Stage;

use crate::error::Excerpt;
use crate::event::Warning;

/// A Dockerfile that parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Dockerfile {
    /// Its name as the user knows it.
    pub name: String,
    /// `# syntax`, `# escape`, `# check`.
    pub directives: Directives,
    /// `ARG` instructions before the first `FROM`.
    pub globals: Vec<Instruction>,
    /// At least one.
    pub stages: Vec<Stage>,
    /// What a user should look at.
    pub warnings: Vec<Warning>,
    /// The physical lines, for excerpts.
    source: Vec<String>,
}

impl Dockerfile {
    /// Parses `text`; `name` is used in messages only.
    ///
    /// # Errors
    /// The first mistake, with the line it is on.
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        let source = Source::new(name, text);
        let directives = directive::read(&source)?;
        let mut warnings = Vec::new();
        let logical = lines::read(&source, directives.escape, &mut warnings)?;
        let instructions = logical
            .into_iter()
            .map(|line| read::instruction(line, directives.escape, &source))
            .collect::<Result<Vec<_>, _>>()?;
        let (globals, stages) = stage::split(instructions, &source)?;
        let Source { name, lines } = source;
        Ok(Self { name, directives, globals, stages, warnings, source: lines })
    }

    /// A physical line by its 1-based number.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        self.source.get(number.checked_sub(1)?).map(String::as_str)
    }

    /// The lines an instruction was written on.
    pub fn excerpt(&self, instruction: &Instruction) -> Excerpt {
        error::excerpt(&self.name, &self.source, instruction.line, instruction.last_line)
    }
}

/// Parses the text of one `ONBUILD` trigger, as stored in an image's configuration.
///
/// # Errors
/// When the trigger is not one valid instruction; the excerpt shows the trigger.
pub fn parse_trigger(text: &str) -> Result<Vec<Instruction>, ParseError> {
    let source = Source::new("ONBUILD", text);
    lines::read(&source, '\\', &mut Vec::new())?
        .into_iter()
        .map(|line| read::instruction(line, '\\', &source))
        .collect()
}

#[cfg(test)]
mod tests;
