//! Writing images as an archive.

use crate::{Engine, archive::bridge::FeedWriter, error::EngineError, feed::Feed, op::ArchiveStream};
use image::SaveError;
use std::io;

/// Chunks that may wait for the client.
const AHEAD: usize = 4;

impl Engine {
    /// Images as one archive: an OCI layout with Docker's `manifest.json`. A name without a tag stands for all tags of
    /// its repository.
    pub async fn image_save(&self, names: Vec<String>) -> Result<ArchiveStream, EngineError> {
        if names.is_empty() {
            return Err(EngineError::bad_parameter("which images? Name at least one"));
        }
        for name in &names {
            if !self.is_repository(name).await? {
                self.image(name).await?;
            }
        }
        let (sender, feed) = Feed::new(AHEAD);
        let engine = self.clone();
        tokio::task::spawn_blocking(move || {
            let mut writer = FeedWriter::new(sender);
            match engine.store().save(&names, &mut writer) {
                // A client that goes away wants no answer.
                Err(SaveError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
                Ok(()) => names.iter().for_each(|name| engine.image_event("save", name, name)),
                Err(error) => {
                    let message = format!("the archive breaks off: {}", crate::chain(&error));
                    tracing::warn!("{message}");
                    writer.fail(io::Error::other(message));
                }
            }
        });
        Ok(feed)
    }

    /// Whether a name without a tag has tags.
    async fn is_repository(&self, name: &str) -> Result<bool, EngineError> {
        let name = name.to_owned();
        self.blocking(move |engine| {
            let images = engine.store().list().map_err(EngineError::store)?;
            let mut references = images.iter().flat_map(|image| &image.references);
            Ok(references.any(|reference| reference.familiar_name() == name))
        })
        .await
    }
}
