//! Loading a project.

use crate::check::{Checks, Locator};
use crate::decode::{Context, Model, decode_model};
use crate::diagnostic::Diagnostic;
use crate::discover::{Setup, discover};
use crate::files::{FileSet, Reader};
use crate::model::{Network, NetworkKey, Project, ProjectName};
use crate::profiles::enabled;
use crate::project_name::project_name;
use crate::report::{Finding, Report};
use crate::service_files::ServiceFiles;
use crate::source::Sources;
use crate::tree::{Mapping, Node, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

/// What to load, and the surroundings it is resolved in. Nothing is read from the process itself.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `-f`: the compose files in order; `-` is [`Self::stdin`]. Empty: `COMPOSE_FILE`, then discovery upwards.
    pub files: Vec<PathBuf>,
    /// What was read from standard input.
    pub stdin: Option<String>,
    /// The current directory (absolute).
    pub current_dir: PathBuf,
    /// `--project-directory`.
    pub project_dir: Option<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--profile`, added to `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// `--env-file`. Empty: `COMPOSE_ENV_FILES`, then `.env` of the project directory if there.
    pub env_files: Vec<PathBuf>,
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
    /// Services named on the command line: enabled whatever their profiles, with what they depend on.
    pub services: Vec<String>,
    /// Missing env files, and missing files and variables of secrets and configs, are no errors: for commands that
    /// start nothing, such as `down`.
    pub ignore_missing_files: bool,
}

/// A loaded project.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The resolved project.
    pub project: Project,
    /// What the user should know though the project loads.
    pub warnings: Vec<Diagnostic>,
}

/// Why a project was not loaded: every independent error that was found.
#[derive(Debug, Clone)]
pub struct LoadError {
    /// At least one error; warnings found on the way come after the errors.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Loads, merges and resolves the compose files.
///
/// # Errors
/// [`LoadError`] with every error that could be found without guessing.
pub fn load(options: &LoadOptions) -> Result<Loaded, LoadError> {
    let (sources, report) = (Sources::default(), Report::default());
    let project = Loading { options, sources: &sources, report: &report }.run();
    let failed = report.has_errors();
    let diagnostics = report.into_diagnostics(&sources);
    match project {
        Some(project) if !failed => Ok(Loaded { project, warnings: diagnostics }),
        _ => Err(LoadError { diagnostics }),
    }
}

/// One load. Each stage reports all that is wrong; the next one starts only when nothing is.
struct Loading<'a> {
    options: &'a LoadOptions,
    sources: &'a Sources,
    report: &'a Report,
}

impl Loading<'_> {
    fn run(&self) -> Option<Project> {
        let mut setup = self.stage(discover(self.options, self.sources, self.report)?)?;
        let reader = Reader {
            sources: self.sources,
            report: self.report,
            current_dir: &self.options.current_dir,
            stdin: self.options.stdin.as_deref(),
        };
        let parsed = self.stage(reader.parse(&file_set(&setup)))?;
        let name = project_name(self.options, &setup, &parsed, self.report)?;
        setup.environment.set("COMPOSE_PROJECT_NAME", name.as_str());
        let set = file_set(&setup);
        self.sources.set_environment(&set.environment);
        let tree = self.stage(reader.merge(parsed, &set))?;
        let root = self.root(tree, &setup)?;
        let context = Context { sources: self.sources, report: self.report };
        let model = self.stage(decode_model(&context, &root, name.as_str()))?;
        let mut project = self.stage(self.assemble(model, setup, name))?;
        let checks = Checks {
            locator: Locator::new(&root),
            report: self.report,
            ignore_missing_files: self.options.ignore_missing_files,
        };
        checks.run(&mut project);
        self.stage(project)
    }

    /// The result of a stage, when no error was found in it.
    fn stage<T>(&self, value: T) -> Option<T> {
        (!self.report.has_errors()).then_some(value)
    }

    fn root(&self, tree: Mapping, setup: &Setup) -> Option<Node> {
        let span = tree.entries.iter().map(|entry| entry.key_span).min();
        if span.is_none() {
            let files: Vec<String> = setup.files.iter().map(|file| format!("`{}`", file.display())).collect();
            self.report.add(
                Finding::error_without_place(format!("there is nothing in {}", files.join(", ")))
                    .help("a compose file has at least a `services:` section"),
            );
        }
        Some(Node::new(Value::Mapping(tree), span?))
    }

    /// Splits the services by profile, and fills in what needs more than one place.
    fn assemble(&self, model: Model, setup: Setup, name: ProjectName) -> Project {
        let all = model.services.iter().map(|(name, decoded)| (name.clone(), &decoded.service)).collect();
        let enabled = enabled(&all, &setup.profiles, &self.options.services, self.report);
        let files = ServiceFiles {
            sources: self.sources,
            report: self.report,
            current_dir: &self.options.current_dir,
            ignore_missing: self.options.ignore_missing_files,
        };
        let (mut services, mut disabled_services) = (BTreeMap::new(), BTreeMap::new());
        for (name, mut decoded) in model.services {
            if enabled.contains(name.as_str()) {
                files.merge_into(&mut decoded);
                services.insert(name, decoded.service);
            } else {
                disabled_services.insert(name, decoded.service);
            }
        }
        let mut project = Project {
            name,
            working_dir: setup.working_dir,
            files: setup.files,
            env_files: setup.env_files,
            profiles: setup.profiles,
            services,
            disabled_services,
            networks: model.networks,
            volumes: model.volumes,
            secrets: model.secrets,
            configs: model.configs,
            extensions: model.extensions,
        };
        add_default_network(&mut project);
        project
    }
}

fn file_set(setup: &Setup) -> FileSet<'_> {
    FileSet {
        files: &setup.files,
        base_dir: &setup.working_dir,
        environment: Rc::new(setup.environment.clone()),
        named_at: None,
        included_by: Vec::new(),
    }
}

/// The network of services that name none, when there is such a service.
fn add_default_network(project: &mut Project) {
    let Ok(key) = NetworkKey::new("default") else { return };
    let is_used = project
        .services
        .values()
        .chain(project.disabled_services.values())
        .any(|service| service.networking.attachment.networks().any(|(name, _)| *name == key));
    if is_used {
        let name = format!("{}_default", project.name);
        project.networks.entry(key).or_insert_with(|| Network::named(name));
    }
}
