//! Mistakes in a Dockerfile.

use crate::error::Excerpt;
use crate::expand::ExpandError;

use super::instruction::Source;

/// A mistake and the lines it is on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {kind}{at}", at.place())]
pub struct ParseError {
    /// Where.
    pub at: Excerpt,
    /// What.
    pub kind: ParseErrorKind,
}

impl ParseError {
    pub(super) fn new(source: &Source, first: usize, last: usize, kind: ParseErrorKind) -> Self {
        Self { at: excerpt(&source.name, &source.lines, first, last), kind }
    }
}

/// At most this many lines of an instruction are shown.
const SHOWN: usize = 12;

/// Lines `first..=last` (1-based) of a file.
pub(super) fn excerpt(name: &str, lines: &[String], first: usize, last: usize) -> Excerpt {
    let shown = lines.iter().skip(first.saturating_sub(1)).take((last + 1).saturating_sub(first).min(SHOWN));
    Excerpt { file: name.to_owned(), line: first, lines: shown.cloned().collect() }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ParseErrorKind {
    #[error("the file has no instructions")]
    Empty,
    #[error("{instruction} stands before the first FROM; only ARG may")]
    BeforeFrom { instruction: String },
    #[error("there is no FROM instruction")]
    NoStage,
    #[error("unknown instruction {word:?}{}", hint(suggestion))]
    UnknownInstruction { word: String, suggestion: Option<&'static str> },
    #[error("{instruction} needs {needs}")]
    Missing { instruction: &'static str, needs: &'static str },
    #[error("{instruction} takes {takes}")]
    TooMany { instruction: &'static str, takes: &'static str },
    #[error("{instruction} has no flag --{flag}{}", flag_hint(suggestion))]
    UnknownFlag { instruction: &'static str, flag: String, suggestion: Option<&'static str> },
    #[error("flag --{flag} is given twice")]
    RepeatedFlag { flag: String },
    #[error("flag --{flag} needs a value: --{flag}=…")]
    FlagWithoutValue { flag: String },
    #[error("flag --{flag}: {value:?} is not {expected}")]
    BadFlag { flag: String, value: String, expected: &'static str },
    #[error("--mount: {problem}: {field:?}")]
    BadMount { field: String, problem: &'static str },
    #[error("{instruction}: {word:?} is not of the form name=value")]
    NotAPair { instruction: &'static str, word: String },
    #[error("{instruction}: the name before = is empty")]
    EmptyName { instruction: &'static str },
    #[error("here-document {name:?} is not ended by a line {name:?}")]
    UnterminatedHeredoc { name: String },
    #[error("SHELL needs the JSON form: SHELL [\"program\", \"argument\"]")]
    ShellNotJson,
    #[error("HEALTHCHECK needs CMD or NONE, not {word:?}")]
    HealthcheckForm { word: String },
    #[error("ONBUILD may not hold {instruction}")]
    OnbuildOf { instruction: String },
    #[error("FROM takes the form: image [AS name]")]
    FromForm,
    #[error("{name:?} cannot name a stage: a letter, then letters, digits, '-', '_' and '.'")]
    StageName { name: String },
    #[error("directive escape must be \\ or `, not {value:?}")]
    EscapeDirective { value: String },
    #[error("directive {name} is given twice")]
    RepeatedDirective { name: String },
    #[error(
        "--from takes no variables; name the image in a stage of its own (FROM ${{…}} AS name) and copy from that"
    )]
    FromVariable,
    #[error("{0}")]
    Expand(ExpandError),
}

fn hint(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or_else(String::new, |word| format!("; did you mean {word}?"))
}

fn flag_hint(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or_else(String::new, |word| format!("; did you mean --{word}?"))
}
