//! Named engines, kept in files of the user: `contexts/NAME.json` and `current-context` below the directory of the
//! configuration (`$XDG_CONFIG_HOME/berth` or `~/.config/berth`).

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The context that is always there: this machine's engine, as `--run` and `--root` say.
pub(crate) const DEFAULT: &str = "default";

/// A named engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Stored {
    /// Its name.
    pub(crate) name: String,
    /// What the user says about it.
    #[serde(default)]
    pub(crate) description: String,
    /// Where it listens, as `--host` takes it.
    pub(crate) host: String,
}

/// The contexts of one user.
#[derive(Debug, Clone)]
pub(crate) struct Contexts {
    dir: PathBuf,
}

/// Contexts cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    /// A name that files cannot have.
    #[error("invalid context name {0:?}: use letters, digits and _ . + -, beginning with a letter or digit")]
    Name(String),
    /// The one that is always there.
    #[error("the context {DEFAULT:?} is this machine's engine: it cannot be made, changed or removed")]
    Reserved,
    /// There is none of that name.
    #[error("no such context: {0}")]
    Missing(String),
    /// There is one of that name already.
    #[error("the context {0:?} exists already: remove it first")]
    Exists(String),
    /// The one that is in use.
    #[error("the context {0:?} is in use: choose another with `berth context use`, or add -f")]
    InUse(String),
    /// Neither `XDG_CONFIG_HOME` nor `HOME` says where the user's files are.
    #[error("there is no directory for contexts: set HOME or XDG_CONFIG_HOME")]
    NoHome,
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} is not a context", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl Contexts {
    /// The user's contexts.
    ///
    /// # Errors
    /// The environment does not say where they are.
    pub(crate) fn of_user() -> Result<Contexts, ContextError> {
        let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        config.map(|config| Contexts { dir: config.join("berth") }).ok_or(ContextError::NoHome)
    }

    /// One of them.
    ///
    /// # Errors
    /// There is none of that name, or its file cannot be read.
    pub(crate) fn get(&self, name: &str) -> Result<Stored, ContextError> {
        let path = self.path(name)?;
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ContextError::Missing(name.to_owned()));
            }
            Err(source) => return Err(ContextError::File { action: "read", path, source }),
        };
        serde_json::from_slice(&text).map_err(|source| ContextError::Content { path, source })
    }

    /// All but the default one, by name.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn all(&self) -> Result<Vec<Stored>, ContextError> {
        let entries = match fs::read_dir(self.contexts()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(ContextError::File { action: "list", path: self.contexts(), source }),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> =
            names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        names.sort();
        names.iter().map(|name| self.get(name)).collect()
    }

    /// Adds one.
    ///
    /// # Errors
    /// The name is taken or impossible, or its file cannot be written.
    pub(crate) fn add(&self, context: &Stored) -> Result<(), ContextError> {
        let path = self.path(&context.name)?;
        if path.exists() {
            return Err(ContextError::Exists(context.name.clone()));
        }
        let text = serde_json::to_vec_pretty(context);
        let text = text.map_err(|source| ContextError::Content { path: path.clone(), source })?;
        write(&path, &text)
    }

    /// Removes one; with `force` also the one in use.
    ///
    /// # Errors
    /// It is not there or in use, or its file cannot be removed.
    pub(crate) fn remove(&self, name: &str, force: bool) -> Result<(), ContextError> {
        let context = self.get(name)?;
        if self.current()? == context.name {
            if !force {
                return Err(ContextError::InUse(context.name));
            }
            self.choose(DEFAULT)?;
        }
        let path = self.path(name)?;
        fs::remove_file(&path).map_err(|source| ContextError::File { action: "remove", path, source })
    }

    /// The name of the one that was chosen; the default one unless another was.
    ///
    /// # Errors
    /// The choice cannot be read.
    pub(crate) fn current(&self) -> Result<String, ContextError> {
        let path = self.choice();
        match fs::read_to_string(&path) {
            Ok(name) if name.trim().is_empty() => Ok(DEFAULT.to_owned()),
            Ok(name) => Ok(name.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DEFAULT.to_owned()),
            Err(source) => Err(ContextError::File { action: "read", path, source }),
        }
    }

    /// Chooses one for the commands to come.
    ///
    /// # Errors
    /// There is none of that name, or the choice cannot be written.
    pub(crate) fn choose(&self, name: &str) -> Result<(), ContextError> {
        if name != DEFAULT {
            self.get(name)?;
        }
        write(&self.choice(), format!("{name}\n").as_bytes())
    }

    fn contexts(&self) -> PathBuf {
        self.dir.join("contexts")
    }

    fn choice(&self) -> PathBuf {
        self.dir.join("current-context")
    }

    fn path(&self, name: &str) -> Result<PathBuf, ContextError> {
        if name == DEFAULT {
            return Err(ContextError::Reserved);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
            return Err(ContextError::Name(name.to_owned()));
        }
        Ok(self.contexts().join(format!("{name}.json")))
    }
}

/// Writes a file so that it is either whole or not there.
fn write(path: &Path, text: &[u8]) -> Result<(), ContextError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let failed = |source| ContextError::File { action: "write", path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    file.write_all(text).map_err(failed)?;
    file.persist(path).map(drop).map_err(|error| failed(error.error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts(dir: &tempfile::TempDir) -> Contexts {
        Contexts { dir: dir.path().join("berth") }
    }

    fn stored(name: &str) -> Stored {
        Stored { name: name.to_owned(), description: String::new(), host: "unix:///s".to_owned() }
    }

    #[test]
    fn contexts_are_added_chosen_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let contexts = contexts(&dir);
        assert_eq!((contexts.current().unwrap().as_str(), contexts.all().unwrap().len()), (DEFAULT, 0));
        contexts.add(&stored("b")).unwrap();
        contexts.add(&stored("a")).unwrap();
        let names: Vec<String> = contexts.all().unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "b"]);
        contexts.choose("a").unwrap();
        assert!(matches!(contexts.remove("a", false), Err(ContextError::InUse(_))));
        contexts.remove("a", true).unwrap();
        assert_eq!(contexts.current().unwrap(), DEFAULT);
        assert!(matches!(contexts.choose("a"), Err(ContextError::Missing(_))));
        assert!(matches!(contexts.add(&stored("b")), Err(ContextError::Exists(_))));
    }

    #[test]
    fn names_cannot_lead_out_of_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["../x", "", ".x", "a/b", "a b"] {
            assert!(matches!(contexts(&dir).add(&stored(name)), Err(ContextError::Name(_))), "{name}");
        }
        assert!(matches!(contexts(&dir).add(&stored(DEFAULT)), Err(ContextError::Reserved)));
    }
}
