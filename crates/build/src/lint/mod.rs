//! Findings that do not stop a build, under the names that BuildKit's checks have.
//!
//! | module | rules |
//! |---|---|
//! | `casing` | `StageNameCasing`, `FromAsCasing`, `ConsistentInstructionCasing`, `ExposeProtoCasing` |
//! | `stages` | `DuplicateStageName`, `ReservedStageName`, `UndefinedArgInFrom`, `InvalidDefaultArgInFrom`, `RedundantTargetPlatform`, `FromPlatformFlagConstDisallowed` |
//! | `form` | `JSONArgsRecommended`, `MaintainerDeprecated`, `MultipleInstructionsDisallowed`, `LegacyKeyValueFormat`, `SecretsUsedInArgOrEnv`, `ExposeInvalidFormat`, `InvalidDefinitionDescription` |
//! | `values` | `UndefinedVar`, `WorkdirRelativePath`, `InvalidBaseImagePlatform` |
//! | `files` | `CopyIgnoredFile` |
//!
//! `NoEmptyContinuation` is found while the file is read. A file chooses with `# check=skip=…;error=true`.

mod casing;
mod files;
mod form;
mod options;
mod stages;
mod values;

use crate::context::Ignore;
use crate::dockerfile::{Dockerfile, Instruction};
use crate::event::Warning;
use crate::expand;

pub(crate) use options::Options;

/// What is known beside the file itself.
pub(crate) struct Known<'a> {
    /// What the context leaves out.
    pub(crate) ignore: &'a Ignore,
    /// An image; `None` if it is not here yet.
    pub(crate) image: &'a dyn Fn(&str) -> Option<KnownImage>,
}

/// What the checks ask of an image.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownImage {
    /// Its environment.
    pub(crate) environment: Vec<String>,
    /// `os/architecture`.
    pub(crate) platform: String,
}

/// Everything worth looking at, in the order of the lines.
pub(crate) fn lint(file: &Dockerfile, known: &Known<'_>, options: &Options) -> Vec<Warning> {
    let mut found = Findings { file, warnings: file.warnings.clone() };
    casing::check(&mut found);
    stages::check(&mut found);
    form::check(&mut found, options);
    values::check(&mut found, known);
    files::check(&mut found, known);
    let mut warnings = found.warnings;
    warnings.retain(|warning| !options.skips(&warning.rule));
    warnings.sort_by_key(|warning| warning.line);
    warnings.dedup();
    warnings
}

/// What was found so far.
struct Findings<'a> {
    file: &'a Dockerfile,
    warnings: Vec<Warning>,
}

impl<'a> Findings<'a> {
    fn add(&mut self, rule: &str, at: &Instruction, message: String) {
        self.warnings.push(Warning {
            rule: rule.to_owned(),
            file: self.file.name.clone(),
            line: at.line,
            message,
            lines: self.file.excerpt(at).lines,
        });
    }

    /// Every instruction, in order.
    fn instructions(&self) -> impl Iterator<Item = &'a Instruction> + use<'a> {
        let stages = self.file.stages.iter();
        self.file
            .globals
            .iter()
            .chain(stages.flat_map(|stage| [&stage.at].into_iter().chain(&stage.instructions)))
    }

    /// Expands a text; with it, the variables that it needs and that are not set.
    fn expand(&self, text: &str, lookup: expand::Lookup<'_>) -> (String, Vec<String>) {
        // What does not expand is an error of its own when the instruction is carried out.
        expand::with_unset(text, self.file.directives.escape, lookup).unwrap_or_default()
    }
}

/// The name of an instruction as it is written.
fn written_name(instruction: &Instruction) -> &str {
    instruction.text.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
