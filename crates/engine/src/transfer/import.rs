//! An image of one file system tree.

use super::network::platform;
use super::{change_failed, now, reference};
use crate::{
    Engine,
    archive::bridge::SourceReader,
    error::EngineError,
    op::{ByteSource, ImportRequest},
};
use image::manifest::Platform;
use image::{HistoryEntry, ImageConfig, ImportError, ImportOptions, Reference};

impl Engine {
    /// Makes an image of a tar stream (plain, gzip, zstd); the image's id.
    pub async fn image_import(
        &self,
        request: ImportRequest,
        source: ByteSource,
    ) -> Result<String, EngineError> {
        let name = reference(request.reference.as_deref())?;
        let config = config(&request)?;
        let runtime = tokio::runtime::Handle::current();
        let shown = name.as_ref().map(Reference::familiar);
        let imported = self.blocking(move |engine| {
            let store = engine.store();
            let lease = store.lease().map_err(EngineError::store)?;
            let mut reader = SourceReader::new(runtime, source);
            let layer = store.import_layer(&lease, &mut reader, &ImportOptions::default());
            let layer = layer.map_err(failed)?;
            let names: Vec<Reference> = name.into_iter().collect();
            store.put_image(&lease, config, &[layer.id], &names).map_err(EngineError::store)
        });
        let id = imported.await?.id.to_string();
        self.image_event("import", &id, shown.as_deref().unwrap_or(&id));
        Ok(id)
    }
}

fn config(request: &ImportRequest) -> Result<ImageConfig, EngineError> {
    let platform = platform(request.platform.as_deref())?.unwrap_or_else(Platform::host);
    let created = Some(now());
    let comment = request.message.clone().filter(|text| !text.is_empty());
    let history = HistoryEntry {
        created: created.clone(),
        comment: Some(comment.unwrap_or_else(|| "Imported from -".to_owned())),
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
