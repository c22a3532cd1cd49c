//! Reading images.

use std::io::Read;

use super::collect::{Collected, collect};
use super::find::{self, Found};
use crate::manifest::Platform;
use crate::{
    Digest, ExtractError, ImageConfig, ImageId, ImportError, LayerId, Lease, PutImageError, Reference,
    ReferenceError, Store, StoreError,
};

/// What happens while an archive is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadEvent {
    /// A layer is being unpacked.
    Layer {
        /// Its member's name.
        member: String,
        /// Its size in the archive, in bytes.
        size: u64,
    },
}

/// An image that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its id.
    pub id: ImageId,
    /// The names it was given.
    pub references: Vec<Reference>,
}

/// Why an archive was not loaded; the store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The stream is not a tar stream or breaks off.
    #[error("cannot read the archive of images")]
    Archive(#[source] ExtractError),
    /// Nothing in it describes an image.
    #[error(
        "the archive holds no image: neither an index.json nor a manifest.json is in it; \
         a plain file system tree goes through `berth import`"
    )]
    NoImages,
    /// Written by a Docker older than 1.10.
    #[error(
        "the archive has the format of Docker before 1.10, which has no manifest.json; save it again with a newer Docker"
    )]
    Legacy,
    /// Images for other platforms only.
    #[error("the archive holds no image for {wanted}, only for {found}")]
    Platform {
        /// This platform.
        wanted: String,
        /// Those there are.
        found: String,
    },
    /// A member that a manifest names is not there.
    #[error("the archive has no member {member:?}, which its manifest names")]
    Missing {
        /// Its name.
        member: String,
    },
    /// A member is not what its name says.
    #[error("the archive's member {member:?} has digest {found}")]
    Digest {
        /// Its name.
        member: String,
        /// What it hashes to.
        found: Digest,
    },
    /// A document does not parse.
    #[error("the archive's member {member:?} is not a valid document")]
    Document {
        /// Its name.
        member: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A tag is not one.
    #[error("the archive names an image {name:?}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        #[source]
        source: ReferenceError,
    },
    /// A layer could not be unpacked.
    #[error("the archive's layer {member:?}")]
    Layer {
        /// Its member's name.
        member: String,
        /// What is wrong.
        #[source]
        source: ImportError,
    },
    /// A layer is another one than the configuration says.
    #[error(
        "the archive's layer {member:?} has the content {found}, but the image's configuration says {expected}"
    )]
    OtherLayer {
        /// Its member's name.
        member: String,
        /// The content's digest.
        found: LayerId,
        /// The configuration's.
        expected: String,
    },
    /// The image that was asked for is not there, or it is not clear which one is meant.
    #[error("{} holds {}", wanted.as_ref().map_or_else(|| "which image? it".to_owned(), |wanted| format!("it has no image {wanted}; it")), found.join(", "))]
    Choice {
        /// Tag or digest.
        wanted: Option<String>,
        /// Names or digests of those there are.
        found: Vec<String>,
    },
    /// The directory of a layout cannot be read.
    #[error("cannot read the OCI layout")]
    Directory(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More documents than are kept in memory.
    #[error("the archive's documents are larger than {limit} bytes together")]
    TooMuch {
        /// The limit.
        limit: u64,
    },
    /// An image could not be stored.
    #[error(transparent)]
    Put(#[from] PutImageError),
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Reads every image of an archive (plain or compressed): an OCI layout, a Docker archive, or a directory as `skopeo`
    /// writes it. Images for other platforms are left out. Either all of them are there afterwards or none.
    pub fn load(
        &self,
        stream: &mut (dyn Read + Send),
        told: &mut dyn FnMut(LoadEvent),
    ) -> Result<Vec<Loaded>, LoadError> {
        let lease = self.lease()?;
        let mut collected = Collected::default();
        let taken = collect(self, &lease, stream, &mut collected, told)
            .and_then(|()| self.take_all(&lease, &mut collected));
        drop(lease);
        // What no image came of goes: layers of other platforms, or all of them.
        self.discard(&collected.fresh, &[])?;
        taken
    }

    fn take_all(&self, lease: &Lease, collected: &mut Collected) -> Result<Vec<Loaded>, LoadError> {
        let found = find::images(collected, &Platform::host())?;
        found.iter().try_for_each(|one| check_layers(collected, one))?;
        let taken = found.into_iter().map(|Found { foreign, .. }| {
            let image = self.adopt_image(lease, &foreign)?;
            Ok(Loaded { id: image.id, references: foreign.references })
        });
        taken.collect()
    }
}

/// Each layer must be what the configuration says at its place.
pub(super) fn check_layers(collected: &mut Collected, found: &Found) -> Result<(), LoadError> {
    let config: ImageConfig = serde_json::from_slice(&found.foreign.config).map_err(PutImageError::Config)?;
    let expected = config.rootfs.diff_ids;
    for (at, member) in found.layers.iter().enumerate() {
        let layer = collected.layer(member)?;
        if expected.get(at) != Some(&layer.id) {
            let expected = expected.get(at).map_or_else(|| "no such layer".to_owned(), ToString::to_string);
            return Err(LoadError::OtherLayer { member: member.clone(), found: layer.id, expected });
        }
    }
    match expected.get(found.layers.len()) {
        Some(layer) => Err(PutImageError::from(StoreError::MissingLayer { layer: *layer }).into()),
        None => Ok(()),
    }
}
