//! Files in and out of containers, as tar archives.

use crate::{
    Engine,
    error::EngineError,
    op::{ArchiveStream, ByteSource, PathStat, PutOptions},
};
use std::path::Path;

impl Engine {
    /// What a path in a container is.
    pub async fn archive_stat(&self, reference: &str, path: &Path) -> Result<PathStat, EngineError> {
        let _ = path;
        self.state().find(reference)?;
        Err(EngineError::NotImplemented("copying is not offered yet".to_owned()))
    }

    /// A tar archive of a path in a container.
    pub async fn archive_get(
        &self,
        reference: &str,
        path: &Path,
    ) -> Result<(PathStat, ArchiveStream), EngineError> {
        let _ = path;
        self.state().find(reference)?;
        Err(EngineError::NotImplemented("copying is not offered yet".to_owned()))
    }

    /// Unpacks a tar archive into a directory of a container.
    pub async fn archive_put(
        &self,
        reference: &str,
        path: &Path,
        options: PutOptions,
        source: ByteSource,
    ) -> Result<(), EngineError> {
        let _ = (path, options, source);
        self.state().find(reference)?;
        Err(EngineError::NotImplemented("copying is not offered yet".to_owned()))
    }

    /// A tar archive of a container's whole tree.
    pub async fn export(&self, reference: &str) -> Result<ArchiveStream, EngineError> {
        self.state().find(reference)?;
        Err(EngineError::NotImplemented("exporting is not offered yet".to_owned()))
    }
}
