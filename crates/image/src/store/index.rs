//! The index: which images there are and what they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::files::{rename, to_json, write_file};
use super::platforms::PlatformsRecord;
use crate::{Digest, ImageId, LayerId, Reference};

/// The format this version writes.
pub(crate) const FORMAT: u32 = 1;

/// The content of `index.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) format: u32,
    pub(crate) images: BTreeMap<ImageId, ImageRecord>,
    /// Full references to images.
    pub(crate) references: BTreeMap<String, ImageId>,
    /// Full references that stand for images of several platforms.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) platforms: BTreeMap<String, PlatformsRecord>,
}

/// What the index says of one image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageRecord {
    /// Lowest first; also in the configuration, but a damaged one must not keep the layers from being removed.
    pub(crate) layers: Vec<LayerId>,
    /// Sum of the layers' unpacked sizes.
    pub(crate) size: u64,
    /// `repository@digest` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) repo_digests: Vec<String>,
    /// Blobs beside the configuration that belong to it (manifests).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) blobs: Vec<Digest>,
}

impl Default for Index {
    fn default() -> Self {
        let (images, references, platforms) = Default::default();
        Self { format: FORMAT, images, references, platforms }
    }
}

impl Index {
    /// The names of an image.
    pub(crate) fn names(&self, id: &ImageId) -> Vec<Reference> {
        let names = self.references.iter().filter(|(_, image)| *image == id);
        names.filter_map(|(name, _)| Reference::parse(name).ok()).collect()
    }

    /// Every layer an image has.
    pub(crate) fn layers(&self) -> BTreeSet<LayerId> {
        self.images.values().flat_map(|image| image.layers.iter().copied()).collect()
    }

    /// Every blob an image has, but for those of its layers.
    pub(crate) fn blobs(&self) -> BTreeSet<Digest> {
        let configs = self.images.keys().map(|id| *id.digest());
        let of_images = self.images.values().flat_map(|image| image.blobs.iter().copied());
        let of_indexes = self.platforms.values().flat_map(|record| record.blobs.iter().copied());
        configs.chain(of_images).chain(of_indexes).collect()
    }

    /// Replaces the file at `path`, by way of `temporary`.
    pub(crate) fn save(&self, path: &Path, temporary: &Path) -> Result<(), StoreError> {
        write_file(temporary, &to_json(self, path)?, true)?;
        rename(temporary, path)
    }
}
