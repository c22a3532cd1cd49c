//! `env_file` and `label_file` of the enabled services.

use crate::decode::{DecodedService, EnvFileUse};
use crate::env::dotenv::Assignment;
use crate::env_file::{EnvFile, Format};
use crate::report::{Finding, Report};
use crate::source::{Sources, Span};
use std::collections::BTreeMap;
use std::path::Path;

/// Reads the files that services name.
pub(crate) struct ServiceFiles<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) report: &'a Report,
    pub(crate) current_dir: &'a Path,
    /// Whether a missing file is no error (for commands that start nothing).
    pub(crate) ignore_missing: bool,
}

impl ServiceFiles<'_> {
    /// Merges the files below `environment` and `labels` of the service.
    pub(crate) fn merge_into(&self, decoded: &mut DecodedService) {
        let mut variables: BTreeMap<String, Option<String>> = BTreeMap::new();
        for file in &decoded.env_files {
            for assignment in self.env_file(file, &variables) {
                variables.insert(assignment.name, Some(assignment.value));
            }
        }
        variables.append(&mut decoded.service.process.environment);
        decoded.service.process.environment = variables;

        let mut labels = BTreeMap::new();
        for file in &decoded.label_files {
            let read = self.read(&file.path, file.span, true, "label file");
            let parsed = read.and_then(|text| self.file(&file.path).parse(text, Format::Dotenv, &|_| None));
            labels.extend(parsed.unwrap_or_default().into_iter().map(|a| (a.name, a.value)));
        }
        labels.append(&mut decoded.service.labels);
        decoded.service.labels = labels;
    }

    fn env_file(&self, file: &EnvFileUse, above: &BTreeMap<String, Option<String>>) -> Vec<Assignment> {
        let Some(text) = self.read(&file.path, file.span, file.required, "env file") else {
            return Vec::new();
        };
        let environment = &self.sources.get(file.span.source).environment;
        let lookup = |name: &str| {
            above.get(name).cloned().flatten().or_else(|| environment.get(name).map(str::to_owned))
        };
        self.file(&file.path).parse(text, file.format, &lookup).unwrap_or_default()
    }

    fn file<'a>(&'a self, path: &'a Path) -> EnvFile<'a> {
        EnvFile { path, current_dir: self.current_dir, sources: self.sources, report: self.report }
    }

    fn read(&self, path: &Path, span: Span, required: bool, what: &str) -> Option<String> {
        let error = match std::fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => return Some(text),
            Ok(Err(_)) => "it is not UTF-8 text".to_owned(),
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && (!required || self.ignore_missing) =>
            {
                return None;
            }
            Err(error) => error.to_string(),
        };
        let message = format!("the {what} `{}` cannot be read: {error}", path.display());
        let help = match what {
            "env file" => "make the file, or write `- path: FILE` with `required: false`",
            _ => "make the file, or remove the entry",
        };
        self.report.add(Finding::error(span, message).help(help));
        None
    }
}
