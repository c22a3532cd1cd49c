//! What the project is called.

use crate::discover::Setup;
use crate::env::Environment;
use crate::files::ParsedFile;
use crate::interpolate::{substitute, template_finding};
use crate::load::LoadOptions;
use crate::model::ProjectName;
use crate::report::{Finding, Report};
use crate::tree::Node;

/// `-p`, then `COMPOSE_PROJECT_NAME`, then the last `name:`, then the name of the project directory.
pub(crate) fn project_name(
    options: &LoadOptions,
    setup: &Setup,
    parsed: &[ParsedFile],
    report: &Report,
) -> Option<ProjectName> {
    if let Some(name) = options.project_name.as_deref().filter(|name| !name.is_empty()) {
        return given(name, "given by `-p`", report);
    }
    if let Some(name) = setup.environment.non_empty("COMPOSE_PROJECT_NAME") {
        return given(name, "of `COMPOSE_PROJECT_NAME`", report);
    }
    let in_files = parsed
        .iter()
        .flat_map(|file| &file.documents)
        .filter_map(|document| document.as_mapping()?.get("name"))
        .rfind(|node| !node.is_null());
    match in_files {
        Some(node) => of_file(node, &setup.environment, report),
        None => of_directory(setup, report),
    }
}

fn given(name: &str, from: &str, report: &Report) -> Option<ProjectName> {
    match ProjectName::new(name) {
        Ok(name) => Some(name),
        Err(error) => {
            report.add(
                Finding::error_without_place(format!("the project name {from} cannot be used: {error}"))
                    .help(suggestion(name)),
            );
            None
        }
    }
}

fn of_file(node: &Node, environment: &Environment, report: &Report) -> Option<ProjectName> {
    let Some(text) = node.as_text() else {
        report.add(Finding::error(node.span, format!("`name` must be a string, not {}", node.kind_name())));
        return None;
    };
    let text = match substitute(text, &|name| environment.get(name).map(str::to_owned)) {
        Ok(done) => done.text,
        Err(error) => {
            report.add(template_finding(&error, node.span));
            return None;
        }
    };
    match ProjectName::new(text.clone()) {
        Ok(name) => Some(name),
        Err(error) => {
            report.add(Finding::error(node.span, error.to_string()).help(suggestion(&text)));
            None
        }
    }
}

fn of_directory(setup: &Setup, report: &Report) -> Option<ProjectName> {
    let directory =
        setup.working_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = ProjectName::new(normalized(&directory)).ok();
    if name.is_none() {
        let message =
            format!("no project name can be made from the directory `{}`", setup.working_dir.display());
        report.add(
            Finding::error_without_place(message)
                .help("name the project with `-p NAME`, or with `name:` in the file"),
        );
    }
    name
}

fn suggestion(text: &str) -> String {
    match normalized(text) {
        name if name.is_empty() => "choose another name".to_owned(),
        name => format!("`{name}` would be allowed"),
    }
}

/// Lower case, and without what a project name cannot hold.
fn normalized(text: &str) -> String {
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let name: String = text.to_lowercase().chars().filter(allowed).collect();
    name.trim_start_matches(['_', '-']).to_owned()
}
