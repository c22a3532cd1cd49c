//! Golden tests: every file in `cases/` is a small project with what loading it must give.
//!
//! A case is a text of sections `-- NAME --`. Sections are the project's files, but for
//! - `arguments`: words as on the command line (`-f`, `-p`, `--profile`, `--env-file`, `--project-directory`, services);
//! - `environment`: `NAME=value` lines;
//! - `stdin`: the text behind `-f -`;
//! - `warnings` and `project`, or `errors`: what is expected.
//!
//! `UPDATE_GOLDEN=1 cargo test -p compose` writes what came out; read the difference before it is committed.

#![allow(clippy::unwrap_used)]

use compose::{LoadOptions, load, render_yaml};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Sections in the order of the file.
struct Case {
    sections: Vec<(String, String)>,
}

impl Case {
    fn parse(text: &str) -> Self {
        let mut sections: Vec<(String, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            let name = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
            match (name, sections.last_mut()) {
                (Some(name), _) => sections.push((name.to_owned(), String::new())),
                (None, Some((_, content))) => content.push_str(line),
                (None, None) => {}
            }
        }
        Self { sections }
    }

    fn section(&self, name: &str) -> &str {
        self.sections.iter().find(|(n, _)| n == name).map_or("", |(_, content)| content)
    }

    fn inputs(&self) -> impl Iterator<Item = &(String, String)> {
        self.sections.iter().filter(|(name, _)| !matches!(name.as_str(), "warnings" | "project" | "errors"))
    }

    fn options(&self, dir: &Path) -> LoadOptions {
        let mut options = LoadOptions { current_dir: dir.to_owned(), ..LoadOptions::default() };
        for line in self.section("environment").lines() {
            let (name, value) = line.split_once('=').unwrap();
            options.environment.insert(name.to_owned(), value.replace("/project", dir.to_str().unwrap()));
        }
        options.stdin = Some(self.section("stdin").to_owned());
        let mut words = self.section("arguments").split_whitespace();
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap().to_owned();
            match word {
                "-f" => options.files.push(PathBuf::from(value())),
                "-p" => options.project_name = Some(value()),
                "--profile" => options.profiles.push(value()),
                "--env-file" => options.env_files.push(PathBuf::from(value())),
                "--project-directory" => options.project_dir = Some(PathBuf::from(value())),
                "--ignore-missing-files" => options.ignore_missing_files = true,
                service => options.services.push(service.to_owned()),
            }
        }
        options
    }

    fn write_files(&self, dir: &Path) {
        for (name, content) in self.inputs() {
            if !matches!(name.as_str(), "arguments" | "environment" | "stdin") {
                let path = dir.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
        }
    }

    /// The whole text of the case with what came out.
    fn with_outcome(&self, dir: &Path) -> String {
        let mut out = String::new();
        for (name, content) in self.inputs() {
            let _ = write!(out, "-- {name} --\n{content}");
        }
        let outcome = match load(&self.options(dir)) {
            Ok(loaded) => {
                let mut outcome = String::new();
                for warning in &loaded.warnings {
                    let _ = writeln!(outcome, "{warning}\n");
                }
                let head =
                    if outcome.is_empty() { String::new() } else { format!("-- warnings --\n{outcome}") };
                format!("{head}-- project --\n{}", render_yaml(&loaded.project))
            }
            Err(error) => format!("-- errors --\n{error}\n"),
        };
        let outcome = outcome.replace(dir.to_str().unwrap(), "/project");
        out + &outcome.replace(dir.parent().unwrap().to_str().unwrap(), "")
    }
}

fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A directory called `project`, so that the project has a name that does not change.
fn project_dir(temporary: &tempfile::TempDir) -> PathBuf {
    let dir = temporary.path().join("project");
    std::fs::create_dir(&dir).unwrap();
    dir
}

#[test]
fn every_case_gives_what_it_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut failures = String::new();
    for file in cases() {
        let text = std::fs::read_to_string(&file).unwrap();
        let case = Case::parse(&text);
        let temporary = tempfile::tempdir().unwrap();
        let dir = project_dir(&temporary);
        case.write_files(&dir);
        let actual = case.with_outcome(&dir);
        if actual == text {
            continue;
        }
        if update {
            std::fs::write(&file, actual).unwrap();
        } else {
            let _ = writeln!(failures, "==== {} gives:\n{actual}", file.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn what_is_rendered_loads_again_to_the_same_project() {
    for file in cases() {
        let case = Case::parse(&std::fs::read_to_string(&file).unwrap());
        let temporary = tempfile::tempdir().unwrap();
        let dir = project_dir(&temporary);
        case.write_files(&dir);
        let options = case.options(&dir);
        let Ok(loaded) = load(&options) else { continue };
        let rendered = render_yaml(&loaded.project);
        let mut project = loaded.project;
        // The rendered file has the services that are enabled, and no others.
        project.disabled_services.clear();
        let again = LoadOptions {
            files: vec![PathBuf::from("-")],
            stdin: Some(rendered.clone()),
            profiles: vec!["*".to_owned()],
            env_files: Vec::new(),
            project_name: None,
            services: Vec::new(),
            ..options
        };
        let second = load(&again).unwrap_or_else(|error| panic!("{}: {error}\n{rendered}", file.display()));
        assert_eq!(render_yaml(&second.project), rendered, "{}", file.display());
        for (name, service) in &project.services {
            let other = &second.project.services[name.as_str()];
            let (a, b) =
                (compose::config_hash(&project, service), compose::config_hash(&second.project, other));
            assert_eq!(a, b, "{} {name}", file.display());
        }
    }
}

#[test]
fn a_project_survives_the_way_to_the_engine() {
    for file in cases() {
        let case = Case::parse(&std::fs::read_to_string(&file).unwrap());
        let temporary = tempfile::tempdir().unwrap();
        let dir = project_dir(&temporary);
        case.write_files(&dir);
        let Ok(loaded) = load(&case.options(&dir)) else { continue };
        let json = serde_json::to_string(&loaded.project).unwrap();
        let back: compose::model::Project = serde_json::from_str(&json).unwrap();
        assert_eq!(back, loaded.project, "{}", file.display());
    }
}
