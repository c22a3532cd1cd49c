//! Loading a project.

use crate::diagnostic::Diagnostic;
use crate::model::Project;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

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
    let _ = options;
    todo!()
}
