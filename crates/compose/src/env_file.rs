//! Reading dotenv files from disk, with their errors shown in place.

use crate::env::Environment;
use crate::env::dotenv::{self, Assignment, DotenvError, DotenvErrorKind};
use crate::interpolate::template_finding;
use crate::report::{Finding, Report};
use crate::source::{Source, SourceId, Sources, Span, display_name};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How the lines of a file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// With quotes, comments and interpolation.
    Dotenv,
    /// As they are.
    Raw,
}

/// Reads files that give variables for interpolation; later files win. `None` when one cannot be read.
pub(crate) fn read_defaults(
    files: &[PathBuf],
    environment: &Environment,
    current_dir: &Path,
    sources: &Sources,
    report: &Report,
) -> Option<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for file in files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                report.add(
                    Finding::error_without_place(format!(
                        "the env file `{}` cannot be read: {error}",
                        file.display()
                    ))
                    .help("make the file, or correct `--env-file`"),
                );
                return None;
            }
        };
        let known = variables.clone();
        let lookup =
            |name: &str| environment.get(name).map(str::to_owned).or_else(|| known.get(name).cloned());
        let reader = EnvFile { path: file, current_dir, sources, report };
        for assignment in reader.parse(text, Format::Dotenv, &lookup)? {
            variables.insert(assignment.name, assignment.value);
        }
    }
    Some(variables)
}

/// One file to parse, and where to say what is wrong with it.
pub(crate) struct EnvFile<'a> {
    pub(crate) path: &'a Path,
    pub(crate) current_dir: &'a Path,
    pub(crate) sources: &'a Sources,
    pub(crate) report: &'a Report,
}

impl EnvFile<'_> {
    /// The assignments of a text; `None` when it is malformed, which is then in the report.
    pub(crate) fn parse(
        &self,
        text: String,
        format: Format,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Vec<Assignment>> {
        let parsed = match format {
            Format::Dotenv => dotenv::parse(&text, lookup),
            Format::Raw => dotenv::parse_raw(&text, lookup),
        };
        let source = self.sources.add(Source {
            name: display_name(self.path, self.current_dir),
            path: self.path.to_owned(),
            text,
            base_dir: self.current_dir.to_owned(),
            environment: Rc::default(),
        });
        match parsed {
            Ok(assignments) => {
                self.warn_of_unset(source, &assignments);
                Some(assignments)
            }
            Err(error) => {
                self.report.add(finding(&error, self.line(source, error.line)));
                None
            }
        }
    }

    fn warn_of_unset(&self, source: SourceId, assignments: &[Assignment]) {
        for assignment in assignments {
            for name in &assignment.unset {
                let message = format!("the variable `{name}` is not set: an empty text takes its place");
                self.report.add(Finding::warning(self.line(source, assignment.line), message).help(format!(
                    "set it above, or write `$$` for a dollar sign, or put the value in single quotes to keep `${name}`"
                )));
            }
        }
    }

    fn line(&self, source: SourceId, line: u32) -> Span {
        line_span(self.sources, source, line)
    }
}

/// A whole line of a source.
fn line_span(sources: &Sources, source: SourceId, line: u32) -> Span {
    let loaded = sources.get(source);
    let chars = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let mut start = 0;
    for (number, text) in (1_u32..).zip(loaded.text.split_inclusive('\n')) {
        if number == line {
            return Span { source, start, end: start + chars(text.trim_end()), line, column: 1 };
        }
        start += chars(text);
    }
    Span { source, start, end: start, line, column: 1 }
}

fn finding(error: &DotenvError, span: Span) -> Finding {
    match &error.kind {
        DotenvErrorKind::BadName(text) => {
            Finding::error(span, format!("`{text}` is not of the form `NAME=value`"))
                .help("a name holds letters, digits and `_`; comments start with `#`")
        }
        DotenvErrorKind::NoName => Finding::error(span, "there is no name before the `=`"),
        DotenvErrorKind::Unterminated => Finding::error(span, "a quoted value is not closed")
            .help("close the quote; a quote that belongs to the value needs a backslash before it"),
        DotenvErrorKind::AfterQuote(text) => Finding::error(span, format!("`{text}` follows a quoted value"))
            .help("put the whole value in quotes, or start a comment with ` #`"),
        DotenvErrorKind::Template(error) => template_finding(error, span),
    }
}
