//! What can go wrong while files are copied into a layer.

use std::io;
use std::path::PathBuf;

use image::ExtractError;

use crate::glob::GlobError;
use crate::tree::WalkError;

/// Why files were not copied. Paths of sources are relative to the context or stage.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Nothing there.
    #[error("{source_path:?} is not in {origin}{}", if *ignored { " (.dockerignore excludes it)" } else { "" })]
    NotFound {
        /// As written, variables replaced.
        source_path: String,
        /// `the build context`, or the stage or image.
        origin: String,
        /// It exists, but is excluded.
        ignored: bool,
    },
    /// A pattern that fits nothing.
    #[error("no file in {origin} matches {pattern:?}")]
    NoMatch {
        /// As written, variables replaced.
        pattern: String,
        /// `the build context`, or the stage or image.
        origin: String,
    },
    /// A pattern that does not parse.
    #[error(transparent)]
    Pattern(#[from] GlobError),
    /// Several sources and a destination that is not a directory.
    #[error("several sources need a destination that ends with /, not {destination:?}")]
    DestinationNotDirectory {
        /// As written, variables replaced.
        destination: String,
    },
    /// Something that is no directory stands where one is needed.
    #[error("{} is not a directory in the image, so nothing can be copied into it", path.display())]
    NotADirectory {
        /// In the image.
        path: PathBuf,
    },
    /// A directory stands where a file is to be written.
    #[error("{} is a directory in the image; a file cannot replace it", path.display())]
    IsADirectory {
        /// In the image.
        path: PathBuf,
    },
    /// Sockets cannot be in an image.
    #[error("{} is a socket, which an image cannot hold", path.display())]
    Socket {
        /// In the source.
        path: PathBuf,
    },
    /// Devices are not taken from a directory of this host.
    #[error("{} is a device; devices are not copied from {origin}", path.display())]
    Device {
        /// In the source.
        path: PathBuf,
        /// `the build context`.
        origin: String,
    },
    /// Reading a source failed.
    #[error("cannot read {}", path.display())]
    Read {
        /// In the source.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Walking a source failed.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// Looking at the image failed.
    #[error("cannot look up {} in the image", path.display())]
    Lookup {
        /// In the image.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing the layer failed.
    #[error("cannot write {} to the new layer", path.display())]
    Write {
        /// In the image.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A source changed between looking at it and copying it.
    #[error("{} changed while it was copied; build again when nothing writes to it", path.display())]
    Changed {
        /// In the source.
        path: PathBuf,
    },
    /// An archive with something that must not or cannot be unpacked.
    #[error("cannot unpack the archive {}", archive.display())]
    Unpack {
        /// The archive, in the source.
        archive: PathBuf,
        /// What is wrong, with the entry's name.
        source: ExtractError,
    },
    /// An archive that cannot be read.
    #[error("cannot read the archive {}", archive.display())]
    Archive {
        /// The archive, in the source.
        archive: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl TransferError {
    /// Whether it is the cancellation of the build and no mistake.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Walk(WalkError::Cancelled))
    }
}
