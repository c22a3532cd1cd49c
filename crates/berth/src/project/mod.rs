//! The compose project that a command is about: which one, what is in it, what of it runs.

mod members;
mod targets;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{env, io};

use compose::model::Project;
use compose::{LoadOptions, load as load_files};

pub(crate) use members::{Member, members, members_of};
pub(crate) use targets::{Target, in_order, targets};

use crate::cli::Globals;
use crate::failure::Failure;
use crate::output;

/// Label with the project's name.
pub(crate) const PROJECT_LABEL: &str = "com.docker.compose.project";
/// Label with the service's name.
pub(crate) const SERVICE_LABEL: &str = "com.docker.compose.service";
/// Label with the number among the service's containers.
pub(crate) const NUMBER_LABEL: &str = "com.docker.compose.container-number";
/// Label of containers made by `compose run`.
pub(crate) const ONE_OFF_LABEL: &str = "com.docker.compose.oneoff";

const FILE_NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// A project by name; with its file when there is one.
pub(crate) struct Scope {
    /// The name.
    pub(crate) name: String,
    /// What the files say.
    pub(crate) project: Option<Project>,
}

/// Loads the project that the flags choose, and prints the files' warnings.
///
/// # Errors
/// Everything that is wrong with the files.
pub(crate) fn load(
    globals: &Globals,
    services: &[String],
    changes_nothing: bool,
) -> Result<Project, Failure> {
    let options = options(globals, services, changes_nothing)?;
    let loaded = load_files(&options).map_err(|e| Failure::new(without_level(&e.to_string())))?;
    for warning in &loaded.warnings {
        output::note(&format!("berth: {}", warning.rendered));
    }
    Ok(loaded.project)
}

/// A report without the word `error`: the prefix of a failure says it already.
fn without_level(report: &str) -> &str {
    report.strip_prefix("error: ").unwrap_or(report)
}

/// The project that is meant: by its files, or only by `-p` when there are none.
///
/// # Errors
/// As [`load`].
pub(crate) fn scope(globals: &Globals) -> Result<Scope, Failure> {
    let named = globals.project.name.clone().or_else(|| env::var("COMPOSE_PROJECT_NAME").ok());
    if let Some(name) = named.filter(|name| !name.is_empty() && !has_files(globals)) {
        return Ok(Scope { name, project: None });
    }
    let mut everything = globals.clone();
    everything.project.profiles.push("*".to_owned());
    let project = load(&everything, &[], true)?;
    Ok(Scope { name: project.name.to_string(), project: Some(project) })
}

/// The project of the current directory for commands that are not about a project in the first place: without files,
/// or with broken ones, there is none.
pub(crate) fn here(globals: &Globals) -> Option<Project> {
    if !has_files(globals) {
        return None;
    }
    let mut options = options(globals, &[], true).ok()?;
    options.profiles.push("*".to_owned());
    load_files(&options).ok().map(|loaded| loaded.project)
}

/// Whether there are compose files to load.
pub(crate) fn has_files(globals: &Globals) -> bool {
    if !globals.project.files.is_empty() || env::var_os("COMPOSE_FILE").is_some_and(|files| !files.is_empty())
    {
        return true;
    }
    let start = globals.project.directory.clone().or_else(|| env::current_dir().ok()).unwrap_or_default();
    start.ancestors().any(|directory| FILE_NAMES.iter().any(|name| directory.join(name).is_file()))
}

fn options(globals: &Globals, services: &[String], changes_nothing: bool) -> Result<LoadOptions, Failure> {
    let flags = &globals.project;
    let current_dir =
        env::current_dir().map_err(|e| Failure::new(format!("cannot tell the current directory: {e}")))?;
    let stdin = if flags.files.iter().any(|file| file == "-") { Some(read_stdin()?) } else { None };
    let absolute =
        |path: &PathBuf| if path == Path::new("-") { path.clone() } else { current_dir.join(path) };
    Ok(LoadOptions {
        files: flags.files.iter().map(PathBuf::from).map(|path| absolute(&path)).collect(),
        stdin,
        project_dir: flags.directory.as_ref().map(absolute),
        project_name: flags.name.clone(),
        profiles: flags.profiles.clone(),
        env_files: flags.env_files.iter().map(absolute).collect(),
        environment: environment(),
        services: services.to_vec(),
        ignore_missing_files: changes_nothing,
        current_dir,
    })
}

fn environment() -> BTreeMap<String, String> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map_err(|e| Failure::new(format!("cannot read standard input: {e}")))?;
    Ok(text)
}
