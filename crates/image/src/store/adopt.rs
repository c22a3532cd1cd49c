//! Taking in images made elsewhere: their documents keep their bytes, and so their digests.

use std::fs::File;
use std::sync::Arc;

use super::index::ImageRecord;
use super::inner::Locked;
use super::lease::Lease;
use super::session::Held;
use super::{BlobRef, Image, PutImageError, Store, StoreError};
use crate::manifest::{Descriptor, Document, Manifest, media};
use crate::{Digest, ImageConfig, ImageId, LayerId, Reference};

/// An image as its documents describe it.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    /// The configuration, byte by byte.
    pub config: Vec<u8>,
    /// The manifest, byte by byte, if there is one to keep.
    pub manifest: Option<Vec<u8>>,
    /// Tags to give it.
    pub references: Vec<Reference>,
    /// `repository@digest` names it was found under.
    pub repo_digests: Vec<Reference>,
}

/// A manifest of an image in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// Their media type.
    pub media_type: String,
    /// What they say.
    pub manifest: Manifest,
}

impl ImageManifest {
    fn of(content: Vec<u8>) -> Option<Self> {
        let Ok(Document::Manifest(manifest)) = Document::parse(&content) else { return None };
        let media_type = manifest.media_type.clone().unwrap_or_else(|| media::MANIFEST.to_owned());
        Some(Self { digest: Digest::of(&content), content, media_type, manifest })
    }
}

impl Store {
    /// Stores an image whose layers were imported before under the same lease (or protected by it).
    ///
    /// Errors: [`PutImageError::Config`] when the configuration does not parse, [`StoreError::MissingLayer`] when it names
    /// a layer that is not there.
    pub fn adopt_image(&self, lease: &Lease, foreign: &Foreign) -> Result<Arc<Image>, PutImageError> {
        let config: ImageConfig = serde_json::from_slice(&foreign.config).map_err(PutImageError::Config)?;
        let layers = config.rootfs.diff_ids;
        let mut blobs = Vec::new();
        if let Some(manifest) = &foreign.manifest {
            blobs.push(self.put_blob(lease, manifest)?);
            blobs.extend(self.layer_blobs(manifest));
        }
        let names = foreign.repo_digests.iter().map(ToString::to_string).collect();
        let extra = ImageRecord { repo_digests: names, blobs, ..ImageRecord::default() };
        self.record_image(lease, &foreign.config, &layers, &foreign.references, extra)
    }

    /// The layer blobs of a manifest that are in the store.
    fn layer_blobs(&self, manifest: &[u8]) -> Vec<Digest> {
        let Ok(Document::Manifest(manifest)) = Document::parse(manifest) else { return Vec::new() };
        let digests = manifest.layers.iter().map(|layer| layer.digest);
        digests.filter(|digest| self.inner.has_blob(digest)).collect()
    }

    /// Writes an image's configuration blob and its entry in the index.
    pub(super) fn record_image(
        &self,
        lease: &Lease,
        config: &[u8],
        layers: &[LayerId],
        references: &[Reference],
        extra: ImageRecord,
    ) -> Result<Arc<Image>, PutImageError> {
        if let Some(reference) = references.iter().find(|reference| reference.digest().is_some()) {
            return Err(PutImageError::DigestReference { reference: reference.to_string() });
        }
        let size = self.inner.total_size(layers)?;
        let id = ImageId::from(self.put_blob(lease, config)?);
        self.inner.lock()?.update(|index| {
            let record = index.images.entry(id).or_default();
            (record.layers, record.size) = (layers.to_vec(), size);
            record.repo_digests.extend(extra.repo_digests);
            record.blobs.extend(extra.blobs);
            sort_unique(&mut record.repo_digests);
            sort_unique(&mut record.blobs);
            index.references.extend(references.iter().map(|reference| (reference.to_string(), id)));
            Ok::<_, StoreError>(())
        })?;
        self.sync_soon();
        Ok(self.load_image(&id)?)
    }

    /// Adds a `repository@digest` name to an image, and the manifest it names.
    pub fn note_pushed(
        &self,
        lease: &Lease,
        image: &Image,
        name: &Reference,
        manifest: &[u8],
    ) -> Result<(), StoreError> {
        let digest = self.put_blob(lease, manifest)?;
        self.inner.lock()?.update(|index| {
            if let Some(record) = index.images.get_mut(&image.id) {
                record.repo_digests.push(name.to_string());
                record.blobs.push(digest);
                sort_unique(&mut record.repo_digests);
                sort_unique(&mut record.blobs);
            }
            Ok(())
        })
    }

    /// The manifest of an image: the one it came with if all its blobs are here, otherwise one of the layers as they are
    /// (those made here uncompressed).
    pub fn manifest(&self, image: &Image) -> Result<ImageManifest, StoreError> {
        let index = self.inner.index()?;
        let kept = index.images.get(&image.id).map(|record| record.blobs.as_slice()).unwrap_or_default();
        for digest in kept {
            if let Some(found) = self.kept_manifest(image, digest)? {
                return Ok(found);
            }
        }
        self.made_manifest(image)
    }

    fn kept_manifest(&self, image: &Image, digest: &Digest) -> Result<Option<ImageManifest>, StoreError> {
        let is_small =
            |file: File| file.metadata().is_ok_and(|meta| meta.len() <= crate::manifest::MAX_DOCUMENT);
        if !self.open_blob(digest).is_ok_and(is_small) {
            return Ok(None);
        }
        let Ok(content) = self.inner.read_blob(digest) else { return Ok(None) };
        let found = ImageManifest::of(content).filter(|found| {
            let layers = &found.manifest.layers;
            found.manifest.config.digest == *image.id.digest()
                && layers.len() == image.layers.len()
                && layers.iter().all(|layer| self.has_layer_blob(image, &layer.digest))
        });
        Ok(found)
    }

    /// Whether the blob can be given out: it is there, or it is the tar of one of the image's layers.
    fn has_layer_blob(&self, image: &Image, digest: &Digest) -> bool {
        self.inner.has_blob(digest) || image.layers.iter().any(|layer| layer.digest() == digest)
    }

    fn made_manifest(&self, image: &Image) -> Result<ImageManifest, StoreError> {
        let config = self.inner.read_blob(image.id.digest())?;
        let layers =
            image.layers.iter().map(|layer| self.layer_descriptor(layer)).collect::<Result<_, _>>()?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media::MANIFEST.to_owned()),
            config: Descriptor::new(media::CONFIG, *image.id.digest(), config.len() as u64),
            layers,
        };
        let content = super::files::to_json(&manifest, &self.inner.blobs_dir())?;
        let media_type = media::MANIFEST.to_owned();
        Ok(ImageManifest { digest: Digest::of(&content), content, media_type, manifest })
    }

    /// A layer as it can be given out without compressing it.
    pub fn layer_descriptor(&self, id: &LayerId) -> Result<Descriptor, StoreError> {
        let layer = self.inner.layer(id)?.ok_or(StoreError::MissingLayer { layer: *id })?;
        Ok(match layer.blob {
            Some(BlobRef { digest, size, media_type }) => Descriptor::new(media_type, digest, size),
            None => Descriptor::new(media::LAYER, *id.digest(), layer.tar_size),
        })
    }
}

impl Lease {
    /// Protects an existing blob; false when it is not there.
    pub fn protect_blob(&self, store: &Store, digest: &Digest) -> Result<bool, StoreError> {
        let locked: Locked<'_> = store.inner.lock()?;
        if !store.inner.has_blob(digest) {
            return Ok(false);
        }
        self.hold(&locked, Held::Blob(*digest)).map(|()| true)
    }
}

fn sort_unique<T: Ord>(items: &mut Vec<T>) {
    items.sort();
    items.dedup();
}
