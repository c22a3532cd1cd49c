//! Which files, which directory, which variables: what is settled before the first file is parsed.

use crate::env::Environment;
use crate::env_file;
use crate::load::LoadOptions;
use crate::report::{Finding, Report};
use crate::source::{Sources, normalize};
use std::path::{Path, PathBuf};

/// The main files' names, best first.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// Names of the file that is merged onto a discovered main file, best first.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// What was settled.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The compose files (absolute, or `-`), first one first.
    pub(crate) files: Vec<PathBuf>,
    /// The project directory (absolute).
    pub(crate) working_dir: PathBuf,
    /// The process's variables over those of the env files.
    pub(crate) environment: Environment,
    /// The env files that were read (absolute).
    pub(crate) env_files: Vec<PathBuf>,
    /// Profiles that are active.
    pub(crate) profiles: Vec<String>,
}

/// Settles it; `None` when something is missing, which is then in the report.
pub(crate) fn discover(options: &LoadOptions, sources: &Sources, report: &Report) -> Option<Setup> {
    let mut discovery = Discovery {
        options,
        sources,
        report,
        environment: Environment::new(options.environment.clone()),
        env_files: Vec::new(),
    };
    let first_dir = discovery.first_dir();
    discovery.read_env_files(&first_dir);
    let files = discovery.files()?;
    let working_dir = discovery.working_dir(&files);
    if working_dir != first_dir {
        discovery.read_env_files(&working_dir);
    }
    let profiles = discovery.profiles();
    let Discovery { environment, env_files, .. } = discovery;
    Some(Setup { files, working_dir, environment, env_files, profiles })
}

struct Discovery<'a> {
    options: &'a LoadOptions,
    sources: &'a Sources,
    report: &'a Report,
    environment: Environment,
    env_files: Vec<PathBuf>,
}

impl Discovery<'_> {
    fn absolute(&self, path: &Path) -> PathBuf {
        normalize(&self.options.current_dir.join(path))
    }

    /// The directory of the first `.env`, as far as it is known before the files are.
    fn first_dir(&self) -> PathBuf {
        match &self.options.project_dir {
            Some(dir) => self.absolute(dir),
            None => self
                .options
                .files
                .iter()
                .find(|f| !is_stdin(f))
                .map_or_else(|| normalize(&self.options.current_dir), |file| parent(&self.absolute(file))),
        }
    }

    /// Adds the variables of the env files that are asked for, or of `.env` in the directory.
    fn read_env_files(&mut self, dir: &Path) {
        let asked_for: Vec<PathBuf> = match self.options.env_files.as_slice() {
            [] => self.environment.non_empty("COMPOSE_ENV_FILES").map_or_else(Vec::new, |list| {
                list.split(',').map(str::trim).filter(|f| !f.is_empty()).map(PathBuf::from).collect()
            }),
            files => files.to_vec(),
        };
        let files = if asked_for.is_empty() { self.default_env_file(dir) } else { asked_for };
        let paths: Vec<PathBuf> = files.iter().map(|file| self.absolute(file)).collect();
        let new: Vec<PathBuf> = paths.into_iter().filter(|path| !self.env_files.contains(path)).collect();
        if let Some(variables) = env_file::read_defaults(
            &new,
            &self.environment,
            &self.options.current_dir,
            self.sources,
            self.report,
        ) {
            self.environment.add_defaults(variables);
            self.env_files.extend(new);
        }
    }

    fn default_env_file(&self, dir: &Path) -> Vec<PathBuf> {
        let file = dir.join(".env");
        let wanted = !self.environment.is_true("COMPOSE_DISABLE_ENV_FILE") && file.is_file();
        if wanted { vec![file] } else { Vec::new() }
    }

    fn files(&self) -> Option<Vec<PathBuf>> {
        if !self.options.files.is_empty() {
            return Some(self.options.files.iter().map(|file| self.named(file)).collect());
        }
        if let Some(list) = self.environment.non_empty("COMPOSE_FILE") {
            let separator = self.environment.non_empty("COMPOSE_PATH_SEPARATOR").unwrap_or(":");
            let files = list.split(separator).filter(|f| !f.is_empty()).map(|f| self.named(Path::new(f)));
            return Some(files.collect());
        }
        self.search()
    }

    fn named(&self, file: &Path) -> PathBuf {
        if is_stdin(file) { file.to_owned() } else { self.absolute(file) }
    }

    /// The first directory upwards that holds a compose file.
    fn search(&self) -> Option<Vec<PathBuf>> {
        let start = match &self.options.project_dir {
            Some(dir) => self.absolute(dir),
            None => normalize(&self.options.current_dir),
        };
        let found = start.ancestors().find_map(|dir| self.best_of(dir, &NAMES).map(|main| (dir, main)));
        let Some((dir, main)) = found else {
            self.report.add(
                Finding::error_without_place(format!(
                    "there is no compose file in `{}` or above it",
                    start.display()
                ))
                .help("make a `compose.yaml`, or name a file with `-f`"),
            );
            return None;
        };
        Some(std::iter::once(main).chain(self.best_of(dir, &OVERRIDES)).collect())
    }

    /// The best of the names that exist in a directory; a warning when there are others.
    fn best_of(&self, dir: &Path, names: &[&str]) -> Option<PathBuf> {
        let present: Vec<&&str> = names.iter().filter(|name| dir.join(name).is_file()).collect();
        let (best, others) = present.split_first()?;
        if let Some(other) = others.first() {
            let message = format!("`{}` holds both `{best}` and `{other}`: `{best}` is used", dir.display());
            self.report
                .add(Finding::warning_without_place(message).help("remove one, or name a file with `-f`"));
        }
        Some(dir.join(best))
    }

    fn working_dir(&self, files: &[PathBuf]) -> PathBuf {
        match &self.options.project_dir {
            Some(dir) => self.absolute(dir),
            None => files
                .iter()
                .find(|file| !is_stdin(file))
                .map_or_else(|| normalize(&self.options.current_dir), |file| parent(file)),
        }
    }

    fn profiles(&self) -> Vec<String> {
        let of_environment =
            self.environment.get("COMPOSE_PROFILES").unwrap_or_default().split(',').map(str::trim);
        let mut profiles: Vec<String> = Vec::new();
        for profile in self.options.profiles.iter().map(String::as_str).chain(of_environment) {
            if !profile.is_empty() && !profiles.iter().any(|p| p == profile) {
                profiles.push(profile.to_owned());
            }
        }
        profiles
    }
}

/// `-`, which stands for standard input.
pub(crate) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn parent(file: &Path) -> PathBuf {
    file.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
}
