//! An image of one file system tree.

use super::network::platform;
use super::{WAITING, change_failed, now, reference};
use crate::{
    Engine,
    archive::bridge::SourceReader,
    error::EngineError,
    feed::Feed,
    op::{ByteSource, ImportRequest, TransferProgress},
};
use image::manifest::Platform;
use image::{HistoryEntry, ImageConfig, ImportError, ImportOptions, Reference};
use registry::client::{self, FetchFailure, Limits};
use std::{
    fs::File,
    io::{Read, Seek as _},
};

impl Engine {
    /// Makes an image of a tar stream (plain, gzip, zstd); the image's id.
    pub async fn image_import(
        &self,
        request: ImportRequest,
        source: ByteSource,
    ) -> Result<String, EngineError> {
        let new = New::of(&request, "-")?;
        let runtime = tokio::runtime::Handle::current();
        self.blocking(move |engine| engine.import(new, &mut SourceReader::new(runtime, source))).await
    }

    /// As [`Engine::image_import`], of a tar stream that is at an `http` or `https` address; the id is the last message,
    /// or the failure. When the reader goes away it is given up.
    pub async fn image_import_from(
        &self,
        request: ImportRequest,
        address: String,
    ) -> Result<Feed<TransferProgress>, EngineError> {
        let new = New::of(&request, &address)?;
        let (sender, feed) = Feed::new(WAITING);
        let engine = self.clone();
        tokio::spawn(async move {
            let _ = sender.send(TransferProgress::status(format!("Downloading from {address}"))).await;
            let done = tokio::select! {
                () = sender.closed() => return,
                done = engine.fetch_and_import(new, &address) => done,
            };
            let last = done.map_or_else(
                |error| TransferProgress::failed(crate::chain(&error)),
                TransferProgress::status,
            );
            let _ = sender.send(last).await;
        });
        Ok(feed)
    }

    async fn fetch_and_import(&self, new: New, address: &str) -> Result<String, EngineError> {
        let (scratch, mut file) = self
            .blocking(|engine| {
                let scratch = engine.store().scratch().map_err(EngineError::store)?;
                let path = scratch.path().join("fetched");
                let file = File::options().create_new(true).read(true).write(true).open(&path);
                Ok((scratch, file.map_err(EngineError::io("write", path))?))
            })
            .await?;
        client::fetch(address, None, None, Limits::default(), &mut file).await.map_err(
            |error| match error {
                FetchFailure::Remote(error) => EngineError::registry(error),
                FetchFailure::Write(error) => EngineError::io("write", scratch.path())(error),
            },
        )?;
        self.blocking(move |engine| {
            file.rewind().map_err(EngineError::io("read", scratch.path()))?;
            engine.import(new, &mut file)
        })
        .await
    }

    fn import(&self, new: New, reader: &mut (dyn Read + Send)) -> Result<String, EngineError> {
        let store = self.store();
        let lease = store.lease().map_err(EngineError::store)?;
        let layer = store.import_layer(&lease, reader, &ImportOptions::default()).map_err(failed)?;
        let shown = new.name.as_ref().map(Reference::familiar);
        let names: Vec<Reference> = new.name.into_iter().collect();
        let image = store.put_image(&lease, new.config, &[layer.id], &names).map_err(EngineError::store)?;
        let id = image.id.to_string();
        self.image_event("import", &id, shown.as_deref().unwrap_or(&id));
        Ok(id)
    }
}

/// An image that is to be made.
struct New {
    name: Option<Reference>,
    config: ImageConfig,
}

impl New {
    fn of(request: &ImportRequest, source: &str) -> Result<Self, EngineError> {
        let name = reference(request.reference.as_deref())?;
        Ok(Self { name, config: config(request, source)? })
    }
}

fn config(request: &ImportRequest, source: &str) -> Result<ImageConfig, EngineError> {
    let platform = platform(request.platform.as_deref())?.unwrap_or_else(Platform::host);
    let created = Some(now());
    let comment = request.message.clone().filter(|text| !text.is_empty());
    let history = HistoryEntry {
        created: created.clone(),
        comment: Some(comment.unwrap_or_else(|| format!("Imported from {source}"))),
        ..HistoryEntry::default()
    };
    let mut config = ImageConfig {
        created,
        architecture: platform.architecture,
        variant: platform.variant,
        os: platform.os,
        history: vec![history],
        ..ImageConfig::default()
    };
    build::apply_changes(&mut config.config, &request.changes).map_err(|error| change_failed(&error))?;
    Ok(config)
}

/// A bad stream is the client's fault, a full disk is not.
fn failed(error: ImportError) -> EngineError {
    match error {
        ImportError::Store(error) => EngineError::store(error),
        other => EngineError::BadParameter(crate::chain(&other)),
    }
}
