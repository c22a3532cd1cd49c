//! Files in and out of containers, as tar archives.
//!
//! What a container holds is not to be trusted: paths are resolved beneath its root, wherever links and renames in it
//! lead. Archives are streamed; a slow client holds the work back.

pub(crate) mod bridge;
mod failure;
mod place;
mod tree;

use crate::{
    Engine,
    error::EngineError,
    feed::Feed,
    id::ContainerId,
    op::{ArchiveStream, ByteSource, PathStat, PutOptions},
    records::ContainerRecord,
};
pub(crate) use bridge::SourceReader;

use bridge::FeedWriter;
use container::visit::Scope;
use failure::{extract_failed, pack_failed};
use image::ExtractOptions;
use place::Asked;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tree::Tree;

/// Chunks of an archive that may wait for the client.
const AHEAD: usize = 4;

impl Engine {
    /// What a path in a container is. A link at its end is followed only when a slash comes after it.
    pub async fn archive_stat(&self, reference: &str, path: &Path) -> Result<PathStat, EngineError> {
        let (record, tree) = self.visit(reference, Scope::Everything).await?;
        let asked = Asked::new(path);
        self.blocking(move |_| asked.find(tree.root(), &record.name).map(|found| found.stat)).await
    }

    /// A tar archive of a path in a container; its members are named from the path's last component on.
    pub async fn archive_get(
        &self,
        reference: &str,
        path: &Path,
    ) -> Result<(PathStat, ArchiveStream), EngineError> {
        let (record, tree) = self.visit(reference, Scope::Everything).await?;
        let asked = Asked::new(path);
        let container = record.name.clone();
        let found = self.blocking(move |_| {
            let found = asked.find(tree.root(), &container)?;
            Ok((found, asked, tree))
        });
        let (found, asked, tree) = found.await?;
        self.container_event(&record, "archive-path", &[]);
        Ok((found.stat, pack(tree, record, found.path, asked.name().into())))
    }

    /// Unpacks a tar archive into a directory of a container.
    pub async fn archive_put(
        &self,
        reference: &str,
        path: &Path,
        options: PutOptions,
        source: ByteSource,
    ) -> Result<(), EngineError> {
        let (record, tree) = self.visit(reference, Scope::Everything).await?;
        let asked = Asked::new(path);
        let runtime = tokio::runtime::Handle::current();
        let shared = Arc::clone(&record);
        let unpacked = self.blocking(move |engine| {
            let directory = asked.directory(tree.root(), &shared.name)?;
            let options = ExtractOptions {
                owner: if options.copy_uid_gid { engine.own_user(&shared)? } else { None },
                keep_kind: options.no_overwrite_dir_non_dir,
                ..ExtractOptions::default()
            };
            let mut reader = SourceReader::new(runtime, source);
            image::extract(tree.root(), &directory, &mut reader, &options)
                .map_err(|error| extract_failed(&shared.name, error))
        });
        unpacked.await?;
        self.container_event(&record, "extract-to-dir", &[]);
        Ok(())
    }

    /// A tar archive of a container's root file system, without its volumes.
    pub async fn export(&self, reference: &str) -> Result<ArchiveStream, EngineError> {
        let (record, tree) = self.visit(reference, Scope::RootAlone).await?;
        self.container_event(&record, "export", &[]);
        Ok(pack(tree, record, PathBuf::from("/"), PathBuf::new()))
    }

    async fn visit(
        &self,
        reference: &str,
        scope: Scope,
    ) -> Result<(Arc<ContainerRecord>, Tree), EngineError> {
        let id: ContainerId = self.state().find(reference)?;
        let record = self.look(&id, |container| Arc::clone(&container.record))?;
        Ok((record, self.tree(&id, scope).await?))
    }

    /// Uid and gid of the user that the container's process runs as, if one was named.
    fn own_user(&self, record: &ContainerRecord) -> Result<Option<(u32, u32)>, EngineError> {
        if record.process.user.is_empty() {
            return Ok(None);
        }
        let lower = self.lower_dirs(record)?;
        let user = crate::containers::identity(self, record, &lower)?;
        Ok(Some((user.uid, user.gid)))
    }
}

/// Archives a path on a thread of its own; a failure is the stream's last item.
fn pack(tree: Tree, record: Arc<ContainerRecord>, path: PathBuf, name: PathBuf) -> ArchiveStream {
    let (sender, feed) = Feed::new(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut writer = FeedWriter::new(sender);
        match image::pack(tree.root(), &path, &name, &mut writer) {
            // A client that goes away wants no answer.
            Ok(_) | Err(image::PackError::Write(_)) => {}
            Err(error) => writer.fail(pack_failed(&record.name, error)),
        }
    });
    feed
}
