//! A logical line to an instruction.

mod from;
mod healthcheck;
mod pairs;
mod run;
mod transfer;

use super::error::{ParseError, ParseErrorKind};
use super::flags::Flags;
use super::instruction::{Command, Instruction, Kind, Source};
use super::lines::Line;
use super::words;
use crate::suggest;

/// The arguments of an instruction while it is read.
struct Arguments<'a> {
    /// Upper-case name of the instruction.
    name: &'static str,
    /// What follows the name, trimmed.
    text: &'a str,
    line: &'a Line,
    escape: char,
}

type Result<T> = std::result::Result<T, ParseErrorKind>;

const NAMES: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Reads one logical line.
pub(super) fn instruction(
    line: Line,
    escape: char,
    source: &Source,
) -> std::result::Result<Instruction, ParseError> {
    let (first, last) = (line.first, line.last);
    match kind(&line, escape) {
        Ok(kind) => Ok(Instruction { line: first, last_line: last, text: line.text, kind }),
        Err(kind) => Err(ParseError::new(source, first, last, kind)),
    }
}

fn kind(line: &Line, escape: char) -> Result<Kind> {
    let (word, text) = line.text.split_once(char::is_whitespace).unwrap_or((&line.text, ""));
    let Some(name) = NAMES.into_iter().find(|name| name.eq_ignore_ascii_case(word)) else {
        let suggestion = suggest::nearest(word, &NAMES);
        return Err(ParseErrorKind::UnknownInstruction { word: word.to_owned(), suggestion });
    };
    let arguments = Arguments { name, text: text.trim(), line, escape };
    if arguments.text.is_empty() {
        return Err(ParseErrorKind::Missing { instruction: name, needs: "arguments" });
    }
    match name {
        "ADD" => transfer::add(&arguments).map(Kind::Add),
        "ARG" => pairs::arg(&arguments).map(Kind::Arg),
        "CMD" => arguments.command().map(Kind::Cmd),
        "COPY" => transfer::copy(&arguments).map(Kind::Copy),
        "ENTRYPOINT" => arguments.command().map(Kind::Entrypoint),
        "ENV" => pairs::env_or_label(&arguments).map(Kind::Env),
        "EXPOSE" => {
            arguments.plain().map(|text| Kind::Expose(text.split_whitespace().map(str::to_owned).collect()))
        }
        "FROM" => from::from(&arguments).map(Kind::From),
        "HEALTHCHECK" => healthcheck::healthcheck(&arguments).map(Kind::Healthcheck),
        "LABEL" => pairs::env_or_label(&arguments).map(Kind::Label),
        "MAINTAINER" => arguments.plain().map(Kind::Maintainer),
        "ONBUILD" => onbuild(&arguments).map(Kind::Onbuild),
        "RUN" => run::run(&arguments).map(Kind::Run),
        "SHELL" => shell(&arguments).map(Kind::Shell),
        "STOPSIGNAL" => arguments.single("one signal").map(Kind::StopSignal),
        "USER" => arguments.single("one user[:group]").map(Kind::User),
        "VOLUME" => volume(&arguments).map(Kind::Volume),
        _ => arguments.plain().map(Kind::Workdir),
    }
}

impl<'a> Arguments<'a> {
    /// The flags, and the arguments after them.
    fn flags(&self) -> Result<(Flags, &'a str)> {
        Flags::split(self.name, self.text, self.escape)
    }

    /// The arguments of an instruction without flags.
    fn plain(&self) -> Result<String> {
        let (flags, rest) = self.flags()?;
        flags.finish(&[])?;
        match rest.is_empty() {
            true => Err(ParseErrorKind::Missing { instruction: self.name, needs: "arguments" }),
            false => Ok(rest.to_owned()),
        }
    }

    /// Exactly one word.
    fn single(&self, takes: &'static str) -> Result<String> {
        let text = self.plain()?;
        match words::split(&text, self.escape).len() {
            1 => Ok(text),
            _ => Err(ParseErrorKind::TooMany { instruction: self.name, takes }),
        }
    }

    /// A command without flags.
    fn command(&self) -> Result<Command> {
        self.plain().map(|text| command(&text))
    }
}

/// The JSON form if it is a list of strings, the shell form otherwise.
fn command(text: &str) -> Command {
    words::json(text).map_or_else(|| Command::Shell(text.to_owned()), Command::Exec)
}

fn shell(arguments: &Arguments<'_>) -> Result<Vec<String>> {
    let words = words::json(&arguments.plain()?).filter(|words| !words.is_empty());
    words.ok_or(ParseErrorKind::ShellNotJson)
}

fn volume(arguments: &Arguments<'_>) -> Result<Vec<String>> {
    let volumes = words::json_or_words(&arguments.plain()?);
    match volumes.is_empty() || volumes.iter().any(|volume| volume.trim().is_empty()) {
        true => Err(ParseErrorKind::Missing { instruction: "VOLUME", needs: "paths that are not empty" }),
        false => Ok(volumes),
    }
}

/// The trigger is checked now, so that a mistake shows where it was made.
fn onbuild(arguments: &Arguments<'_>) -> Result<String> {
    let text = arguments.plain()?;
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if matches!(word.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
        return Err(ParseErrorKind::OnbuildOf { instruction: word });
    }
    let line = Line { text, ..arguments.line.clone() };
    kind(&line, arguments.escape)?;
    let bodies = line.heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.raw, heredoc.name));
    Ok(line.text.clone() + &bodies.collect::<String>())
}
