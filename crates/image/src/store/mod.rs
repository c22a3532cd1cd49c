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

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;

use crate::{Digest, HistoryEntry, ImageConfig, ImageId, LayerId, Reference};

mod error;

pub use error::{
    CommitError, ImportError, OpenError, Problem, PutImageError, RemoveError, ResolveError, StoreError,
};

/// A handle to the store at one root; cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Store {}

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

/// Protects what is being made from [`Store::prune`] and [`Store::remove`] of every process until it is dropped.
#[derive(Debug)]
pub struct Lease {}

impl Lease {
    /// Protects an existing layer as well.
    ///
    /// Errors: [`StoreError::MissingLayer`] when it is already gone.
    pub fn protect(&self, layer: &LayerId) -> Result<(), StoreError> {
        let _ = layer;
        todo!()
    }

    /// Protects the layers and the configuration of an image as well.
    pub fn protect_image(&self, image: &Image) -> Result<(), StoreError> {
        let _ = image;
        todo!()
    }
}

/// A directory on the store's file system for half-made things; removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// The directory, empty when made.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Bounds on what a layer may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed tar stream.
    pub bytes: u64,
    /// Number of entries.
    pub entries: u64,
}

impl Default for Limits {
    /// 1 TiB and 16 million entries: enough to stop an endless stream, not an honest image.
    fn default() -> Self {
        Self { bytes: 1 << 40, entries: 16 << 20 }
    }
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
    /// Bounds; an excess is [`ImportError::Limit`].
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
        let _ = root;
        todo!()
    }

    /// The store's directory.
    pub fn root(&self) -> &Path {
        todo!()
    }

    /// Finds an image by reference, id (`sha256:…`), id prefix or `name@digest`.
    pub fn resolve(&self, name: &str) -> Result<Arc<Image>, ResolveError> {
        let _ = name;
        todo!()
    }

    /// The image of an id.
    pub fn image(&self, id: &ImageId) -> Result<Arc<Image>, ResolveError> {
        let _ = id;
        todo!()
    }

    /// Every image, newest first. An image whose files are broken is listed by [`Store::verify`] instead.
    pub fn list(&self) -> Result<Vec<Arc<Image>>, StoreError> {
        todo!()
    }

    /// Points `reference` at an image, taking it from another image if needed.
    pub fn tag(&self, image: &ImageId, reference: &Reference) -> Result<(), ResolveError> {
        let _ = (image, reference);
        todo!()
    }

    /// Takes a name off its image; the image stays. False when there was no such name.
    pub fn untag(&self, reference: &Reference) -> Result<bool, StoreError> {
        let _ = reference;
        todo!()
    }

    /// Removes a name, or the image with it when it was the last one, with Docker's rules for `rmi`; `usage` says
    /// who uses an image, `keep` which unreferenced layers are to stay (a build cache's).
    pub fn remove(
        &self,
        name: &str,
        force: bool,
        usage: &dyn Fn(&ImageId) -> Usage,
        keep: &dyn Fn(&LayerId) -> bool,
    ) -> Result<Vec<Removed>, RemoveError> {
        let _ = (name, force, usage, keep);
        todo!()
    }

    /// Removes images without a name (all unused ones if `all`), then layers and blobs nothing refers to.
    pub fn prune(
        &self,
        all: bool,
        usage: &dyn Fn(&ImageId) -> Usage,
        keep: &dyn Fn(&LayerId) -> bool,
    ) -> Result<PruneReport, StoreError> {
        let _ = (all, usage, keep);
        todo!()
    }

    /// Starts a lease; everything made under it stays until it is dropped.
    pub fn lease(&self) -> Result<Lease, StoreError> {
        todo!()
    }

    /// A new empty directory for half-made things, on the store's file system.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        todo!()
    }

    /// Unpacks a tar stream, plain or compressed with gzip or zstd, as a layer.
    pub fn import_layer(
        &self,
        lease: &Lease,
        stream: &mut (dyn Read + Send),
        options: &ImportOptions,
    ) -> Result<Layer, ImportError> {
        let _ = (lease, stream, options);
        todo!()
    }

    /// Makes a layer of an overlay upper directory, taking it by rename; `dir` is gone afterwards.
    ///
    /// Assumptions: `dir` is on the store's file system, not mounted as an upper directory any more, and was written with
    /// `redirect_dir=off,metacopy=off`.
    pub fn commit_dir(
        &self,
        lease: &Lease,
        dir: &Path,
        options: &CommitOptions,
    ) -> Result<Layer, CommitError> {
        let _ = (lease, dir, options);
        todo!()
    }

    /// Stores an image of `layers` (lowest first; they replace the configuration's `rootfs`) and tags it.
    pub fn put_image(
        &self,
        lease: &Lease,
        config: ImageConfig,
        layers: &[LayerId],
        references: &[Reference],
    ) -> Result<Arc<Image>, PutImageError> {
        let _ = (lease, config, layers, references);
        todo!()
    }

    /// The record of a layer; `None` when the store does not have it.
    pub fn layer(&self, id: &LayerId) -> Result<Option<Layer>, StoreError> {
        let _ = id;
        todo!()
    }

    /// Where a layer is unpacked (whether or not it is there).
    pub fn layer_path(&self, id: &LayerId) -> PathBuf {
        let _ = id;
        todo!()
    }

    /// The directories of an image for overlayfs, top first.
    pub fn lower_dirs(&self, image: &Image) -> Vec<PathBuf> {
        image.layers.iter().rev().map(|layer| self.layer_path(layer)).collect()
    }

    /// Writes the layer's uncompressed tar stream, the one its id is the digest of.
    pub fn write_layer_tar(&self, id: &LayerId, to: &mut dyn std::io::Write) -> Result<u64, CommitError> {
        let _ = (id, to);
        todo!()
    }

    /// The steps that made an image, newest first.
    pub fn history(&self, image: &Image) -> Result<Vec<HistoryRow>, StoreError> {
        let _ = image;
        todo!()
    }

    /// The content of a blob, verified.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let _ = digest;
        todo!()
    }

    /// Stores a blob.
    pub fn put_blob(&self, lease: &Lease, content: &[u8]) -> Result<Digest, StoreError> {
        let _ = (lease, content);
        todo!()
    }

    /// Checks everything the index refers to: blobs against digests, layer directories against their tar's digest.
    pub fn verify(&self) -> Result<Vec<Problem>, StoreError> {
        todo!()
    }
}
