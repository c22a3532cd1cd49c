//! The directory that remembers containers between two commands: `<root>/<id>/state.json`.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};

use super::error::OciError;
use crate::cgroup::Cgroup;
use crate::runtime::HookState;

/// What is remembered of a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its id.
    pub id: String,
    /// Its first process.
    pub pid: i32,
    /// When that process was started, in the kernel's ticks: tells it from a later one with the same number.
    pub started: u64,
    /// When the container was made, as RFC 3339.
    pub created: String,
    /// Its bundle.
    pub bundle: PathBuf,
    /// Its root file system.
    pub rootfs: PathBuf,
    /// The user that made it.
    pub owner: String,
    /// Its control group.
    pub cgroup: Cgroup,
    /// Its spec, as it was when it was made.
    pub spec: Spec,
}

impl Record {
    /// What hooks are told.
    pub(super) fn hook_state(&self) -> HookState {
        HookState { id: self.id.clone(), bundle: self.bundle.clone(), annotations: self.annotations() }
    }

    /// The spec's annotations.
    pub(super) fn annotations(&self) -> Option<HashMap<String, String>> {
        self.spec.annotations().clone()
    }
}

/// All containers of one root directory.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
}

const STATE: &str = "state.json";
const FIFO: &str = "exec.fifo";

impl Store {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory of a container.
    ///
    /// # Errors
    /// The id is not one that can be a file name.
    pub(super) fn dir(&self, id: &str) -> Result<PathBuf, OciError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '.');
        if id.is_empty() || id.len() > 1024 || id == "." || id == ".." || !id.chars().all(allowed) {
            return Err(OciError::InvalidId(id.to_owned()));
        }
        Ok(self.root.join(id))
    }

    /// Makes the directory of a new container.
    pub(super) fn reserve(&self, id: &str) -> Result<PathBuf, OciError> {
        let dir = self.dir(id)?;
        let mut builder = DirBuilder::new();
        builder.mode(0o711);
        match builder.create(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o711)
                    .create(&self.root)
                    .map_err(OciError::file("make", &self.root))?;
                builder.create(&dir).map_err(OciError::file("make", &dir))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(OciError::Exists),
            other => other.map_err(OciError::file("make", &dir))?,
        }
        Ok(dir)
    }

    /// Writes a container's record, whole or not at all.
    pub(super) fn save(&self, record: &Record) -> Result<(), OciError> {
        let path = self.dir(&record.id)?.join(STATE);
        let temporary = path.with_extension("new");
        let json =
            serde_json::to_vec(record).map_err(|source| OciError::Json { path: path.clone(), source })?;
        let write = || {
            File::create(&temporary)?.write_all(&json)?;
            fs::rename(&temporary, &path)
        };
        write().map_err(OciError::file("write", &path))
    }

    pub(super) fn load(&self, id: &str) -> Result<Record, OciError> {
        let path = self.dir(id)?.join(STATE);
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|source| OciError::Json { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OciError::DoesNotExist),
            Err(error) => Err(OciError::file("read", path)(error)),
        }
    }

    /// All containers that can be read, by id.
    pub(super) fn all(&self) -> Vec<Record> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut all: Vec<Record> = ids.filter_map(|id| self.load(&id).ok()).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// The FIFO that a created container waits on.
    pub(super) fn fifo(&self, id: &str) -> Result<PathBuf, OciError> {
        Ok(self.dir(id)?.join(FIFO))
    }

    /// Forgets a container.
    pub(super) fn remove(&self, id: &str) -> Result<(), OciError> {
        let dir = self.dir(id)?;
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(OciError::file("remove", dir)(error))
            }
            _ => Ok(()),
        }
    }
}
