//! A cache in a registry: an image that has the layers of all records, and the records in its configuration.
//!
//! Whatever moves images moves it; what comes is verified as every image is.

use std::collections::{BTreeMap, BTreeSet};

use image::{Digest, ImageConfig, LayerId, Lease, PutImageError, Reference, ResolveError, Store, StoreError};

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
        remote.pull(name, cancel)?;
        let image = store.resolve(name)?;
        lease.protect_image(&image)?;
        let field = image.config.other.get(FIELD).cloned().ok_or(SharedError::Form)?;
        let records: Vec<(Digest, Record)> = serde_json::from_value(field).map_err(|_| SharedError::Form)?;
        // A record may only speak of layers that came with it.
        let layers: BTreeSet<&LayerId> = image.layers.iter().collect();
        let came = |record: &Record| record.layer.as_ref().is_none_or(|layer| layers.contains(layer));
        forget(store, name)?;
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
        store.put_image(lease, config, &layers, &[reference])?;
        let pushed = remote.push(name, cancel);
        forget(store, name)?;
        Ok(pushed?)
    };
    sent().map_err(failed(name))
}

/// Takes the cache's name off again: it is no image to be run.
fn forget(store: &Store, name: &str) -> Result<(), SharedError> {
    let reference = Reference::parse(name).map_err(ResolveError::from)?;
    Ok(store.untag(&reference).map(drop)?)
}
