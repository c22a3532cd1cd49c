//! Images: finding, listing, naming and making them.

use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::files::{Stamp, to_json};
use super::index::{ImageRecord, Index};
use super::inner::Inner;
use super::lease::Lease;
use super::{HistoryRow, Image, Problem, PutImageError, ResolveError, Store, StoreError};
use crate::{ImageConfig, ImageId, LayerId, Reference, ReferenceError};

/// An image found in the index, and whether a name led to it.
pub(crate) struct Found {
    pub(crate) id: ImageId,
    /// The name; `None` when it was found by its id.
    pub(crate) reference: Option<Reference>,
}

impl Store {
    /// Finds an image by reference, id (`sha256:…`), id prefix or `name@digest`.
    pub fn resolve(&self, name: &str) -> Result<Arc<Image>, ResolveError> {
        let index = self.inner.index()?;
        let id = find(&index, name)?.id;
        Ok(self.indexed(&index, &id)?)
    }

    /// The image of an id.
    pub fn image(&self, id: &ImageId) -> Result<Arc<Image>, ResolveError> {
        let index = self.inner.index()?;
        if !index.images.contains_key(id) {
            return Err(ResolveError::NotFound { name: id.to_string() });
        }
        Ok(self.indexed(&index, id)?)
    }

    /// Every image, newest first. Those whose files are broken are left out; [`Store::broken`] tells them.
    pub fn list(&self) -> Result<Vec<Arc<Image>>, StoreError> {
        let (mut images, broken) = self.load_all()?;
        for problem in broken {
            tracing::warn!(error = %problem.error, "an image is left out of the list");
        }
        images.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        Ok(images)
    }

    /// The names of an image, also of one whose files are damaged.
    pub fn references(&self, id: &ImageId) -> Result<Vec<Reference>, StoreError> {
        Ok(self.inner.index()?.names(id))
    }

    /// The `repository@digest` names of an image, also of one whose files are damaged.
    pub fn repo_digests(&self, id: &ImageId) -> Result<Vec<Reference>, StoreError> {
        let index = self.inner.index()?;
        let names = index.images.get(id).map(|record| record.repo_digests.as_slice()).unwrap_or_default();
        Ok(names.iter().filter_map(|name| Reference::parse(name).ok()).collect())
    }

    /// The images that cannot be read.
    pub fn broken(&self) -> Result<Vec<Problem>, StoreError> {
        Ok(self.load_all()?.1)
    }

    /// Points `reference` at an image, taking it from another image if needed.
    pub fn tag(&self, image: &ImageId, reference: &Reference) -> Result<(), ResolveError> {
        if reference.digest().is_some() {
            return Err(ReferenceError::Format(reference.to_string()).into());
        }
        self.inner.lock()?.update(|index| {
            if !index.images.contains_key(image) {
                return Err(ResolveError::NotFound { name: image.to_string() });
            }
            index.references.insert(reference.to_string(), *image);
            Ok(())
        })
    }

    /// Takes a name off its image; the image stays. False when there was no such name.
    pub fn untag(&self, reference: &Reference) -> Result<bool, StoreError> {
        self.inner.lock()?.update(|index| Ok(index.references.remove(&reference.to_string()).is_some()))
    }

    /// Stores an image of `layers` (lowest first; they replace the configuration's `rootfs`) and tags it.
    pub fn put_image(
        &self,
        lease: &Lease,
        mut config: ImageConfig,
        layers: &[LayerId],
        references: &[Reference],
    ) -> Result<Arc<Image>, PutImageError> {
        check_history(&config, layers)?;
        config.rootfs.diff_ids = layers.to_vec();
        let content = to_json(&config, &self.inner.index_path())?;
        self.record_image(lease, &content, layers, references, ImageRecord::default())
    }

    pub(super) fn load_image(&self, id: &ImageId) -> Result<Arc<Image>, StoreError> {
        self.indexed(&self.inner.index()?, id)
    }

    /// The steps that made an image, newest first.
    pub fn history(&self, image: &Image) -> Result<Vec<HistoryRow>, StoreError> {
        let mut layers = image.layers.iter();
        let rows = image.config.history.iter().map(|entry| {
            let layer = if entry.empty_layer { None } else { layers.next().copied() };
            let size = layer.map_or(Ok(0), |layer| self.inner.size_of(&layer))?;
            Ok(HistoryRow { entry: entry.clone(), layer, size })
        });
        let mut rows: Vec<HistoryRow> = rows.collect::<Result<_, StoreError>>()?;
        rows.reverse();
        Ok(rows)
    }

    fn load_all(&self) -> Result<(Vec<Arc<Image>>, Vec<Problem>), StoreError> {
        let index = self.inner.index()?;
        let (mut images, mut broken) = (Vec::new(), Vec::new());
        for id in index.images.keys() {
            match self.indexed(&index, id) {
                Ok(image) => images.push(image),
                Err(error) => broken.push(Problem { images: vec![*id], error }),
            }
        }
        Ok((images, broken))
    }
}

impl Store {
    /// The image of an id in the index; from memory while its configuration's file stays the same.
    fn indexed(&self, index: &Arc<Index>, id: &ImageId) -> Result<Arc<Image>, StoreError> {
        let path = self.inner.blob_path(id.digest());
        let stamp = Stamp::of(&path)?.ok_or(StoreError::MissingBlob { digest: *id.digest() })?;
        let cached = self.inner.cache()?.image(index, id, stamp);
        let image = match cached {
            Some(image) => image,
            None => {
                // The cache is not locked meanwhile: reading may have to wait for the store's lock.
                let image = Arc::new(self.read_image(index, id)?);
                self.inner.cache()?.keep(index, stamp, &image);
                image
            }
        };
        match image.layers.iter().find(|layer| !self.inner.has_layer(layer)) {
            Some(layer) => Err(StoreError::MissingLayer { layer: *layer }),
            None => Ok(image),
        }
    }

    fn read_image(&self, index: &Index, id: &ImageId) -> Result<Image, StoreError> {
        let content = self.inner.read_blob(id.digest())?;
        let config: ImageConfig = serde_json::from_slice(&content).map_err(|source| {
            StoreError::InvalidBlob { digest: *id.digest(), what: "image configuration", source }
        })?;
        config.rootfs.diff_ids.iter().try_for_each(|layer| self.check_after_boot(layer))?;
        let record = index.images.get(id).cloned().unwrap_or_default();
        let created = config.created.as_deref().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let repo_digests =
            record.repo_digests.iter().filter_map(|name| Reference::parse(name).ok()).collect();
        let (layers, size) = (config.rootfs.diff_ids.clone(), record.size);
        Ok(Image { id: *id, layers, references: index.names(id), repo_digests, size, created, config })
    }
}

impl Inner {
    fn size_of(&self, layer: &LayerId) -> Result<u64, StoreError> {
        self.layer(layer)?.map(|layer| layer.size).ok_or(StoreError::MissingLayer { layer: *layer })
    }

    pub(super) fn total_size(&self, layers: &[LayerId]) -> Result<u64, StoreError> {
        layers.iter().map(|layer| self.size_of(layer)).sum()
    }
}

fn check_history(config: &ImageConfig, layers: &[LayerId]) -> Result<(), PutImageError> {
    let history = config.history.iter().filter(|entry| !entry.empty_layer).count();
    if config.history.is_empty() || history == layers.len() {
        return Ok(());
    }
    Err(PutImageError::History { history, layers: layers.len() })
}

/// Finds an image by what a user wrote: a name goes before an id.
pub(crate) fn find(index: &Index, name: &str) -> Result<Found, ResolveError> {
    if let Ok(id) = name.parse::<ImageId>() {
        return known(index, id).ok_or_else(|| not_found(name));
    }
    let reference = match Reference::parse(name) {
        Ok(reference) => reference,
        Err(ReferenceError::LooksLikeId(_)) => return by_prefix(index, name),
        Err(error) => return Err(error.into()),
    };
    match by_name(index, &reference) {
        Some(id) => Ok(Found { id, reference: Some(reference) }),
        None => by_prefix(index, name),
    }
}

fn known(index: &Index, id: ImageId) -> Option<Found> {
    index.images.contains_key(&id).then_some(Found { id, reference: None })
}

fn by_name(index: &Index, reference: &Reference) -> Option<ImageId> {
    let Some(digest) = reference.digest() else {
        return index.references.get(&reference.to_string()).copied();
    };
    let wanted = reference.with_digest(*digest).to_string();
    let found = index.images.iter().find(|(_, record)| record.repo_digests.contains(&wanted));
    found.map(|(id, _)| *id)
}

fn by_prefix(index: &Index, prefix: &str) -> Result<Found, ResolveError> {
    let hex = prefix.strip_prefix("sha256:").unwrap_or(prefix);
    let is_hex = !hex.is_empty() && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let ids: Vec<ImageId> = match is_hex {
        true => index.images.keys().filter(|id| id.hex().starts_with(hex)).copied().collect(),
        false => Vec::new(),
    };
    match ids.as_slice() {
        [] => Err(not_found(prefix)),
        [id] => Ok(Found { id: *id, reference: None }),
        _ => Err(ResolveError::Ambiguous { prefix: prefix.to_owned(), ids }),
    }
}

fn not_found(name: &str) -> ResolveError {
    ResolveError::NotFound { name: name.to_owned() }
}
