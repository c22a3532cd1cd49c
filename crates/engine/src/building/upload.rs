//! Build contexts that clients send.

use crate::{Engine, archive::SourceReader, error::EngineError, op::ByteSource};
use image::Scratch;
use std::path::Path;

/// A build context that a client sent, unpacked; removed when dropped.
#[derive(Debug)]
pub struct UploadedContext(Scratch);

impl UploadedContext {
    /// The directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Engine {
    /// Unpacks the tar archive (plain, or compressed in any way that `ADD` knows) of a build context.
    pub async fn upload_context(&self, source: ByteSource) -> Result<UploadedContext, EngineError> {
        let runtime = tokio::runtime::Handle::current();
        self.blocking(move |engine| {
            let scratch = engine.store().scratch().map_err(EngineError::store)?;
            let reader = SourceReader::new(runtime, source);
            build::unpack_context(reader, scratch.path()).map_err(|error| unusable(&error))?;
            Ok(UploadedContext(scratch))
        })
        .await
    }
}

fn unusable(error: &dyn std::error::Error) -> EngineError {
    EngineError::BadParameter(format!("the build context: {}", crate::chain(error)))
}
