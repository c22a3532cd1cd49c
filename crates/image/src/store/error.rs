//! What can go wrong, one type per operation; [`StoreError`] is what they share.

use std::io;
use std::path::PathBuf;

use crate::archive::{ExtractError, PackError};
use crate::{Digest, ImageId, LayerId, ReferenceError};

/// Trouble with the store's own files.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; nothing half-written stays visible.
    #[error("no space left on the device that holds the image store at {}", path.display())]
    DiskFull {
        /// The file or directory being written.
        path: PathBuf,
        /// `ENOSPC` or `EDQUOT`.
        #[source]
        source: io::Error,
    },
    /// Another system call failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The index does not parse.
    #[error("the image store's index {} is damaged; restore it, or remove it and make the images again", path.display())]
    CorruptIndex {
        /// The index file.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A blob is not in the store.
    #[error("blob {digest} is missing from the image store; pull or build its image again")]
    MissingBlob {
        /// Which.
        digest: Digest,
    },
    /// A blob's content is not what its name says.
    #[error(
        "blob {digest} in the image store is damaged: its content has digest {found}; \
         remove the image with `berth rmi -f` and pull or build it again ({})", path.display()
    )]
    CorruptBlob {
        /// Its name.
        digest: Digest,
        /// What its content hashes to.
        found: Digest,
        /// Where it is.
        path: PathBuf,
    },
    /// A blob verified, but its content is not what it should be.
    #[error("blob {digest} in the image store is not a valid {what}")]
    InvalidBlob {
        /// Which.
        digest: Digest,
        /// What was expected (`image configuration`).
        what: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A layer is not in the store.
    #[error(
        "layer {layer} is missing from the image store; remove its image with `berth rmi -f` and pull or build it again"
    )]
    MissingLayer {
        /// Which.
        layer: LayerId,
    },
    /// A layer's record or directory is not what it should be.
    #[error(
        "layer {layer} in the image store is damaged: {reason}; \
         remove its image with `berth rmi -f` and pull or build it again ({})", path.display()
    )]
    CorruptLayer {
        /// Which.
        layer: LayerId,
        /// Where it is.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Written by a newer version of this program.
    #[error("the image store at {} has format {found}; this version reads format {supported}", path.display())]
    Format {
        /// The store.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format understood.
        supported: u32,
    },
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a name leads to no image.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Not a reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// There is no such image here.
    #[error("no such image: {name}")]
    NotFound {
        /// As the user wrote it.
        name: String,
    },
    /// An id prefix of several images.
    #[error("image id prefix {prefix:?} is ambiguous: {}", ids.iter().map(ImageId::short).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// As the user wrote it.
        prefix: String,
        /// The images it fits.
        ids: Vec<ImageId>,
    },
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a layer was not imported; nothing of it stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The stream could not be unpacked.
    #[error("cannot unpack the layer")]
    Extract(#[source] ExtractError),
    /// The stream is not the one that was promised.
    #[error("the {what} has digest {found}, expected {expected}")]
    Digest {
        /// `layer blob` or `layer tar`.
        what: &'static str,
        /// As promised.
        expected: Digest,
        /// As received.
        found: Digest,
    },
    /// The unpacked tree could not become a layer.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a directory did not become a layer.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The directory is on another file system than the store.
    #[error("{} is not on the file system of the image store", path.display())]
    OtherFileSystem {
        /// The directory.
        path: PathBuf,
    },
    /// The directory could not be read, or holds what no layer can express.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an image was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutImageError {
    /// The configuration is not one.
    #[error("the image configuration does not parse")]
    Config(#[source] serde_json::Error),
    /// The configuration's history does not fit the layers.
    #[error("the image configuration's history names {history} layers, but the image has {layers}")]
    History {
        /// Layers the history claims.
        history: usize,
        /// Layers given.
        layers: usize,
    },
    /// A name with a digest cannot be given to an image.
    #[error("cannot tag an image as {reference}: the name has a digest")]
    DigestReference {
        /// The name.
        reference: String,
    },
    /// The store's files, or a layer that is not there.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an image was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// A container uses it.
    #[error(
        "conflict: unable to remove {name}: container {container} is using its image {}{}", id.short(),
        if *running { "" } else { " (must force)" }
    )]
    InUse {
        /// The name given.
        name: String,
        /// The image.
        id: ImageId,
        /// The container.
        container: String,
        /// Whether it runs, so that forcing does not help.
        running: bool,
    },
    /// An id was given, but several names point to the image.
    #[error("conflict: unable to delete {}: image is referenced by several names (must force): {}", id.short(), references.join(", "))]
    SeveralNames {
        /// The image.
        id: ImageId,
        /// Its names.
        references: Vec<String>,
    },
    /// There is no such image.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Something [`crate::Store::verify`] found.
#[derive(Debug)]
pub struct Problem {
    /// The images it concerns; empty for what no image needs.
    pub images: Vec<ImageId>,
    /// What is wrong.
    pub error: StoreError,
}
