//! How instructions are written.

use super::{Findings, Options};
use crate::dockerfile::{Command, Instruction, Kind, Stage};

/// Parts of a name that tell of a secret.
const SECRET: [&str; 10] =
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];

pub(super) fn check(found: &mut Findings<'_>, options: &Options) {
    for stage in &found.file.stages {
        commands(found, stage);
        several(found, stage);
    }
    for instruction in found.instructions() {
        one(found, instruction);
    }
    if options.wants("InvalidDefinitionDescription") {
        descriptions(found);
    }
}

/// The shell form hides signals from the program, unless a shell was chosen.
fn commands(found: &mut Findings<'_>, stage: &Stage) {
    let mut shell_is_chosen = false;
    for instruction in &stage.instructions {
        let name = match &instruction.kind {
            Kind::Shell(_) => {
                shell_is_chosen = true;
                continue;
            }
            Kind::Cmd(Command::Shell(_)) => "CMD",
            Kind::Entrypoint(Command::Shell(_)) => "ENTRYPOINT",
            _ => continue,
        };
        if !shell_is_chosen {
            let message = format!(
                "the shell form of {name} keeps signals from the program; write {name} [\"program\", \"argument\"]"
            );
            found.add("JSONArgsRecommended", instruction, message);
        }
    }
}

/// Of some instructions only the last one counts.
fn several(found: &mut Findings<'_>, stage: &Stage) {
    let name = |instruction: &Instruction| match instruction.kind {
        Kind::Cmd(_) => Some("CMD"),
        Kind::Entrypoint(_) => Some("ENTRYPOINT"),
        Kind::Healthcheck(_) => Some("HEALTHCHECK"),
        _ => None,
    };
    for (index, instruction) in stage.instructions.iter().enumerate() {
        let Some(own) = name(instruction) else { continue };
        if stage.instructions.iter().skip(index + 1).any(|later| name(later) == Some(own)) {
            let message = format!("a later {own} of this stage replaces this one");
            found.add("MultipleInstructionsDisallowed", instruction, message);
        }
    }
}

fn one(found: &mut Findings<'_>, instruction: &Instruction) {
    match &instruction.kind {
        Kind::Maintainer(_) => {
            let message = "MAINTAINER is deprecated; use LABEL org.opencontainers.image.authors=…".to_owned();
            found.add("MaintainerDeprecated", instruction, message);
        }
        Kind::Env(pairs) => {
            pairs_form(found, instruction, "ENV");
            secrets(found, instruction, "ENV", pairs.iter().map(|(name, _)| name.as_str()));
        }
        Kind::Label(_) => pairs_form(found, instruction, "LABEL"),
        Kind::Arg(arguments) => {
            let names = arguments.iter().map(|argument| argument.name.as_str());
            secrets(found, instruction, "ARG", names);
        }
        Kind::Expose(ports) => {
            for port in ports.iter().filter(|port| port.contains(':') && !port.contains("${")) {
                let message = format!(
                    "EXPOSE names ports of the container; {port:?} has an address or a port of the host"
                );
                found.add("ExposeInvalidFormat", instruction, message);
            }
        }
        _ => {}
    }
}

/// `ENV name value`
fn pairs_form(found: &mut Findings<'_>, instruction: &Instruction, name: &str) {
    if instruction.text.split_whitespace().nth(1).is_some_and(|word| !word.contains('=')) {
        let message = format!("write {name} name=value; the form with a blank is old");
        found.add("LegacyKeyValueFormat", instruction, message);
    }
}

/// Values of `ARG` and `ENV` are in the image for everybody to read.
fn secrets<'n>(
    found: &mut Findings<'_>,
    instruction: &Instruction,
    kind: &str,
    names: impl Iterator<Item = &'n str>,
) {
    for name in names.filter(|name| is_secret(name)) {
        let message = format!(
            "{kind} {name:?} looks like a secret, and everybody who has the image can read it; use RUN --mount=type=secret"
        );
        found.add("SecretsUsedInArgOrEnv", instruction, message);
    }
}

fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let has = |wanted: &[&str]| lower.split('_').any(|part| wanted.contains(&part));
    has(&SECRET) && !has(&["public"])
}

/// A comment right above an `ARG` or a named stage begins with its name.
fn descriptions(found: &mut Findings<'_>) {
    for instruction in found.instructions() {
        let name = match &instruction.kind {
            Kind::Arg(arguments) => arguments.first().map(|argument| argument.name.as_str()),
            Kind::From(from) => from.alias.as_deref(),
            _ => None,
        };
        let above = found.file.line(instruction.line.saturating_sub(1)).unwrap_or_default().trim();
        let (Some(name), Some(comment)) = (name, above.strip_prefix('#')) else { continue };
        let is_directive = comment.contains('=') && instruction.line <= 4;
        if comment.split_whitespace().next() != Some(name) && !is_directive {
            let message = format!(
                "a comment that describes {name:?} begins with that name; leave a line between others"
            );
            found.add("InvalidDefinitionDescription", instruction, message);
        }
    }
}
