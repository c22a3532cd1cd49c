//! Instructions to stages.

use super::error::{ParseError, ParseErrorKind};
use super::instruction::{From, Instruction, Kind, Source};

/// A `FROM` and what follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// The `FROM` instruction's place and text.
    pub at: Instruction,
    /// What it says.
    pub from: From,
    /// The rest, in order.
    pub instructions: Vec<Instruction>,
}

/// Splits a file's instructions into the global `ARG`s and the stages.
pub(super) fn split(
    instructions: Vec<Instruction>,
    source: &Source,
) -> Result<(Vec<Instruction>, Vec<Stage>), ParseError> {
    let mut globals = Vec::new();
    let mut stages: Vec<Stage> = Vec::new();
    let last = source.lines.len();
    if instructions.is_empty() {
        return Err(ParseError::new(source, 1, last.min(1), ParseErrorKind::Empty));
    }
    for instruction in instructions {
        match (&instruction.kind, stages.last_mut()) {
            (Kind::From(from), _) => {
                let from = from.clone();
                stages.push(Stage { at: instruction, from, instructions: Vec::new() });
            }
            (_, Some(stage)) => stage.instructions.push(instruction),
            (Kind::Arg(_), None) => globals.push(instruction),
            (_, None) => return Err(before_from(&instruction, source)),
        }
    }
    match stages.is_empty() {
        true => Err(ParseError::new(source, 1, last.min(3), ParseErrorKind::NoStage)),
        false => Ok((globals, stages)),
    }
}

fn before_from(instruction: &Instruction, source: &Source) -> ParseError {
    let word = instruction.text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    let kind = ParseErrorKind::BeforeFrom { instruction: word };
    ParseError::new(source, instruction.line, instruction.last_line, kind)
}
