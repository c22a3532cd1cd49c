//! Directories for half-made things.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::create_dir;
use super::inner::Inner;
use super::session::remove_quietly;
use super::{Store, StoreError};

/// A directory on the store's file system for half-made things; removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Keeps the session, and so the directory's protection, alive.
    _inner: Arc<Inner>,
}

impl Scratch {
    /// The directory, empty and with mode 0700 when made.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_quietly(&self.path);
    }
}

impl Store {
    /// A new empty directory for half-made things, on the store's file system.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        let path = self.inner.session()?.new_path();
        create_dir(&path, 0o700)?;
        Ok(Scratch { path, _inner: Arc::clone(&self.inner) })
    }
}
