//! Images that come and go: archives, trees, containers.

mod commit;
mod import;
mod load;
mod message;
mod network;
mod pull;
mod push;
mod repair;
mod save;

use crate::error::EngineError;
use image::Reference;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Messages that may wait for a slow reader.
const WAITING: usize = 256;

/// The name an image is to get.
fn reference(name: Option<&str>) -> Result<Option<Reference>, EngineError> {
    let parsed = name.filter(|name| !name.is_empty()).map(Reference::parse).transpose();
    let parsed = parsed.map_err(|error| EngineError::BadParameter(crate::chain(&error)))?;
    match parsed {
        Some(reference) if reference.digest().is_some() => Err(EngineError::BadParameter(format!(
            "an image cannot be named {reference}: a digest is not chosen"
        ))),
        other => Ok(other),
    }
}

/// The time for a configuration.
fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

fn change_failed(error: &build::ChangeError) -> EngineError {
    EngineError::BadParameter(crate::chain(error))
}
