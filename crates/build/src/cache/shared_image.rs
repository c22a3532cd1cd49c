//! A cache in a registry: an image that has the layers of all records, and the records in its configuration.
//!
//! Whatever moves images moves it; what comes is verified as every image is.

use std::collections::{BTreeMap, BTreeSet};

use image::{
    Digest, ImageConfig, ImageId, LayerId, Lease, PutImageError, Reference, ResolveError, Store, StoreError,
};

use super::{CacheError, Record};
use crate::platform;
use crate::remote::{FetchError, Remote};
use crate::request::Cancel;

/// The field of the configuration.
const FIELD: &str = "berth.build-cache";

/// Why a cache was not moved from or to a registry.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The image did not come or go.
    #[error(transparent)]
    Remote(#[from] FetchError),
    /// The image is not there.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// It could not be made.
    #[error(transparent)]
    Put(#[from] PutImageError),
    /// The image store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The image is something else.
    #[error("it is an image without a build cache")]
    Form,
}

fn failed(name: &str) -> impl FnOnce(SharedError) -> CacheError {
    let name = name.to_owned();
    move |source| CacheError::Shared { name, source: Box::new(source) }
}

/// Brings a cache; its layers are in the store then, and held by `lease`.
pub(crate) fn bring(
    name: &str,
    store: &Store,
    lease: &Lease,
    remote: &dyn Remote,
    cancel: &Cancel,
) -> Result<BTreeMap<Digest, Record>, CacheError> {
    let brought = || -> Result<_, SharedError> {
        let before = named(store, name);
        remote.pull(name, cancel)?;
        let image = store.resolve(name)?;
        lease.protect_image(&image)?;
        put_back(store, name, before)?;
        let field = image.config.other.get(FIELD).cloned().ok_or(SharedError::Form)?;
        let records: Vec<(Digest, Record)> = serde_json::from_value(field).map_err(|_| SharedError::Form)?;
        // A record may only speak of layers that came with it.
        let layers: BTreeSet<&LayerId> = image.layers.iter().collect();
        let came = |record: &Record| record.layer.as_ref().is_none_or(|layer| layers.contains(layer));
        Ok(records.into_iter().filter(|(_, record)| came(record)).collect())
    };
    brought().map_err(failed(name))
}

/// Sends a cache with these records.
pub(crate) fn send(
    name: &str,
    records: &BTreeMap<Digest, Record>,
    store: &Store,
    lease: &Lease,
    remote: &dyn Remote,
    cancel: &Cancel,
) -> Result<(), CacheError> {
    let sent = || -> Result<(), SharedError> {
        let reference = Reference::parse(name).map_err(ResolveError::from)?;
        let layers: BTreeSet<LayerId> = records.values().filter_map(|record| record.layer).collect();
        let layers: Vec<LayerId> = layers.into_iter().collect();
        let mut config = ImageConfig {
            os: "linux".to_owned(),
            architecture: platform::architecture().to_owned(),
            ..ImageConfig::default()
        };
        config.rootfs.diff_ids.clone_from(&layers);
        let list: Vec<(&Digest, &Record)> = records.iter().collect();
        config.other.insert(FIELD.to_owned(), serde_json::to_value(list).unwrap_or_default());
        let before = named(store, name);
        store.put_image(lease, config, &layers, &[reference])?;
        let pushed = remote.push(name, cancel);
        put_back(store, name, before)?;
        Ok(pushed?)
    };
    sent().map_err(failed(name))
}

/// Puts the records of the steps that an image's layers come from into its configuration.
pub(crate) fn put_inline(config: &mut ImageConfig, records: &BTreeMap<Digest, Record>) {
    let list: Vec<(&Digest, &Record)> = records.iter().collect();
    config.other.insert(FIELD.to_owned(), serde_json::to_value(list).unwrap_or_default());
}

/// The image that has a name.
fn named(store: &Store, name: &str) -> Option<ImageId> {
    store.resolve(name).ok().map(|image| image.id)
}

/// Gives the cache's name back to the image that had it, or takes it off: a cache is no image to be run.
fn put_back(store: &Store, name: &str, before: Option<ImageId>) -> Result<(), SharedError> {
    let reference = Reference::parse(name).map_err(ResolveError::from)?;
    match before {
        Some(id) => store.tag(&id, &reference)?,
        None => store.untag(&reference).map(drop)?,
    }
    Ok(())
}
