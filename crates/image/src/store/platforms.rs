//! Images for several platforms under one name: the index they came with, and the manifests it names.
//!
//! The name leads to the image for this machine, as every other name does; the index is kept beside it and given out
//! again as long as the name leads to one of its images.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::index::Index;
use super::lease::Lease;
use super::session::Held;
use super::{Foreign, PutImageError, Store, StoreError};
use crate::manifest::{Descriptor, Document, MAX_DOCUMENT, Manifest, ManifestIndex, Platform, media};
use crate::{Digest, ImageId, Reference};

/// What the store's index says of an image for several platforms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlatformsRecord {
    /// The index document.
    pub(crate) digest: Digest,
    /// The images it leads to.
    pub(crate) images: Vec<ImageId>,
    /// Blobs of what it names beside them (statements about how they were built).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) blobs: Vec<Digest>,
}

/// A manifest or an index as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
}

/// Why an index was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum PutIndexError {
    /// It does not parse, or it is the manifest of one image.
    #[error("it is not an index of images")]
    NotAnIndex,
    /// A manifest that it names is not here.
    #[error("it names {digest}, which is not here: the manifests come before their index")]
    Missing {
        /// The manifest or blob.
        digest: Digest,
    },
    /// It leads to nothing that could be run.
    #[error("it names no image")]
    NoImage,
    /// One of its images cannot be stored.
    #[error(transparent)]
    Put(#[from] PutImageError),
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Manifest {
    /// Whether its layers are file systems; other things are kept in registries, too.
    pub fn is_image(&self) -> bool {
        let tar = |layer: &Descriptor| layer.media_type.contains(".tar");
        self.layers.iter().all(tar)
    }
}

impl Index {
    /// Forgets indexes whose name is gone or leads elsewhere by now, or that lost an image; what they were.
    pub(super) fn drop_stale_platforms(&mut self) -> Vec<PlatformsRecord> {
        let (references, images) = (&self.references, &self.images);
        let stale = self.platforms.extract_if(.., |name, record| {
            let in_force = references.get(name).is_some_and(|id| record.images.contains(id));
            !in_force || record.images.iter().any(|id| !images.contains_key(id))
        });
        stale.map(|(_, record)| record).collect()
    }

    /// The images that belong to an index.
    pub(super) fn of_platforms(&self) -> BTreeSet<ImageId> {
        self.platforms.values().flat_map(|record| record.images.iter().copied()).collect()
    }
}

impl Store {
    /// Takes in an index whose manifests and their blobs were stored before under the same lease, and names it; without a
    /// name it stays as long as the lease.
    ///
    /// # Errors
    /// See [`PutIndexError`]; the store is as it was.
    pub fn adopt_index(
        &self,
        lease: &Lease,
        content: &[u8],
        reference: Option<&Reference>,
    ) -> Result<Digest, PutIndexError> {
        let Ok(Document::Index(index)) = Document::parse(content) else {
            return Err(PutIndexError::NotAnIndex);
        };
        let record = self.platforms(lease, &index, Digest::of(content))?;
        self.put_blob(lease, content)?;
        let Some(reference) = reference else { return Ok(record.digest) };
        let digest = record.digest;
        let main = self.main_image(&index, &record.images).ok_or(PutIndexError::NoImage)?;
        self.inner.lock()?.update(|index| {
            index.references.insert(reference.to_string(), main);
            index.platforms.insert(reference.to_string(), record);
            Ok::<_, StoreError>(())
        })?;
        Ok(digest)
    }

    /// The index a name stands for; `None` when it stands for one image only.
    pub fn index_of(&self, reference: &Reference) -> Result<Option<StoredDocument>, StoreError> {
        let index = self.inner.index()?;
        match index.platforms.get(&reference.to_string()) {
            Some(record) => self.document(&record.digest),
            None => Ok(None),
        }
    }

    /// A manifest or index by its digest; `None` when there is none of that digest.
    pub fn document(&self, digest: &Digest) -> Result<Option<StoredDocument>, StoreError> {
        let small = |file: std::fs::File| file.metadata().is_ok_and(|meta| meta.len() <= MAX_DOCUMENT);
        if !self.open_blob(digest).is_ok_and(small) {
            return Ok(None);
        }
        let content = self.inner.read_blob(digest)?;
        let Ok(document) = Document::parse(&content) else { return Ok(None) };
        let (own, usual) = match document {
            Document::Manifest(manifest) => (manifest.media_type, media::MANIFEST),
            Document::Index(index) => (index.media_type, media::INDEX),
        };
        let media_type = own.unwrap_or_else(|| usual.to_owned());
        Ok(Some(StoredDocument { content, digest: *digest, media_type }))
    }

    fn platforms(
        &self,
        lease: &Lease,
        index: &ManifestIndex,
        digest: Digest,
    ) -> Result<PlatformsRecord, PutIndexError> {
        let mut record = PlatformsRecord { digest, images: Vec::new(), blobs: vec![digest] };
        for named in &index.manifests {
            let missing = PutIndexError::Missing { digest: named.digest };
            let document = self.document(&named.digest)?.ok_or(missing)?;
            let Ok(Document::Manifest(manifest)) = Document::parse(&document.content) else {
                return Err(PutIndexError::NotAnIndex);
            };
            if manifest.is_image() {
                // It was stored before; a prune may have taken its entry since.
                let config = self.inner.read_blob(&manifest.config.digest)?;
                let foreign = Foreign { config, manifest: Some(document.content), ..Foreign::default() };
                record.images.push(self.adopt_image(lease, &foreign)?.id);
            } else {
                record.blobs.extend(self.held_blobs(lease, &named.digest, &manifest)?);
            }
        }
        Ok(record)
    }

    /// Everything a manifest of no image consists of.
    fn held_blobs(
        &self,
        lease: &Lease,
        own: &Digest,
        manifest: &Manifest,
    ) -> Result<Vec<Digest>, PutIndexError> {
        let parts = manifest.layers.iter().map(|layer| layer.digest).chain([*own, manifest.config.digest]);
        let locked = self.inner.lock()?;
        parts
            .map(|digest| match self.inner.has_blob(&digest) {
                true => Ok(lease.hold(&locked, Held::Blob(digest)).map(|()| digest)?),
                false => Err(PutIndexError::Missing { digest }),
            })
            .collect()
    }

    /// The image the name leads to: that for this machine, or the first one.
    fn main_image(&self, index: &ManifestIndex, images: &[ImageId]) -> Option<ImageId> {
        let chosen = index.choose(&Platform::host()).and_then(|chosen| self.document(&chosen.digest).ok()?);
        let id = chosen.and_then(|document| match Document::parse(&document.content) {
            Ok(Document::Manifest(manifest)) => Some(ImageId::from(manifest.config.digest)),
            _ => None,
        });
        id.filter(|id| images.contains(id)).or_else(|| images.first().copied())
    }
}
