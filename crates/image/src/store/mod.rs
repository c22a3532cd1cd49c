//! The content store.
//!
//! ```text
//! <root>/index.json             references and images; replaced atomically under the lock
//! <root>/lock                   flock(2): held while the index changes or something is removed
//! <root>/blobs/sha256/<hex>     configurations, manifests, compressed layers of others
//! <root>/layers/<24 hex>/       one unpacked layer in overlayfs form, never changed
//! <root>/layers/<24 hex>.json   its record
//! <root>/tmp/<unique>/          half-made things of a living process
//! ```
//!
//! Guarantees: nothing half-made is ever visible outside `tmp`; what a dead process left there is removed by the next
//! [`Store::open`]; blobs are verified against their digest whenever they are read. Any number of processes may open one
//! root.
//!
//! All calls block; from async code use a blocking thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;

use crate::archive::Limits;
use crate::{Digest, HistoryEntry, ImageConfig, ImageId, LayerId, Reference};

mod adopt;
mod blobs;
mod collect;
mod durable;
mod error;
mod files;
mod images;
mod index;
mod inner;
mod layers;
mod lease;
mod platforms;
mod remove;
mod repair;
mod scratch;
mod session;
mod verify;

pub use adopt::{Foreign, ImageManifest};
pub use error::{
    CommitError, ImportError, OpenError, Problem, PutImageError, RemoveError, ResolveError, StoreError,
};
pub use lease::Lease;
pub use platforms::{PutIndexError, StoredDocument};
pub use scratch::Scratch;

use inner::Inner;

/// A handle to the store at one root; cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// An image as the store knows it.
#[derive(Debug, Clone)]
pub struct Image {
    /// Digest of the configuration blob.
    pub id: ImageId,
    /// The configuration.
    pub config: ImageConfig,
    /// The layers, lowest first (the configuration's `diff_ids`).
    pub layers: Vec<LayerId>,
    /// Every tag that points here.
    pub references: Vec<Reference>,
    /// `repository@digest` names it was pulled or pushed by.
    pub repo_digests: Vec<Reference>,
    /// Sum of the layers' unpacked sizes, in bytes.
    pub size: u64,
    /// When it was made, as its configuration says.
    pub created: Option<OffsetDateTime>,
}

/// The record of one unpacked layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the uncompressed tar stream.
    pub id: LayerId,
    /// Bytes of its regular files.
    pub size: u64,
    /// Bytes of its tar stream.
    pub tar_size: u64,
    /// Number of entries (files, directories, links, whiteouts); 0 for a layer that changes nothing.
    pub entries: u64,
    /// The compressed blob it came from; `None` for a layer made here, whose tar is written anew from the directory.
    pub blob: Option<BlobRef>,
}

/// A blob in the store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BlobRef {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

/// One row of `berth history`.
#[derive(Debug, Clone)]
pub struct HistoryRow {
    /// The configuration's entry.
    pub entry: HistoryEntry,
    /// The layer the step made.
    pub layer: Option<LayerId>,
    /// The layer's unpacked size in bytes.
    pub size: u64,
}

/// How a layer is imported.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Keep the stream as a blob, so that it can be sent on unchanged, and name the layer by its tar's digest. Without it
    /// the layer becomes one made here: named by the digest of the canonical tar of the unpacked directory.
    pub keep_blob: bool,
    /// Digest the stream as given must have.
    pub expected_digest: Option<Digest>,
    /// Digest its uncompressed tar must have.
    pub expected_diff_id: Option<LayerId>,
    /// Bounds; an excess is an [`crate::ExtractError::Limit`].
    pub limits: Limits,
}

/// How a directory becomes a layer.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Modification times later than this (seconds since 1970) are set to it, in the directory and in the tar.
    pub clamp_mtime: Option<i64>,
}

/// Whether the caller still uses an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    /// Nothing uses it.
    Unused,
    /// A container that does not run, by name: removal must be forced.
    Stopped(String),
    /// A running container, by name: removal is refused.
    Running(String),
}

/// What a removal did, in Docker's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// The name was taken off.
    Untagged(Reference),
    /// The image is gone.
    Deleted(ImageId),
    /// The layer is gone.
    DeletedLayer(LayerId),
}

/// What a prune did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// What was removed.
    pub removed: Vec<Removed>,
    /// Bytes of disk space freed.
    pub freed: u64,
}

impl Store {
    /// Opens the store at `root`, making it if it is not there, and removes what dead processes left half-made.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, OpenError> {
        Ok(Self { inner: Arc::new(Inner::open(root.as_ref())?) })
    }

    /// The store's directory.
    pub fn root(&self) -> &Path {
        self.inner.root()
    }

    /// The directories of an image for overlayfs, top first.
    pub fn lower_dirs(&self, image: &Image) -> Vec<PathBuf> {
        image.layers.iter().rev().map(|layer| self.layer_path(layer)).collect()
    }
}
