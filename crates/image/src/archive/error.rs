//! What can go wrong with a tar stream.

use std::io;
use std::path::PathBuf;

use super::entry::Entry;

/// Why a tar stream was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The stream is not a tar stream, or ends too early.
    #[error("not a valid tar stream at byte {offset}: {reason}")]
    Format {
        /// Offset in the uncompressed stream.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// An entry that must not be unpacked.
    #[error("tar entry {entry:?}: {reason}")]
    Entry {
        /// Its name.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Unpacking an entry failed.
    #[error("cannot unpack tar entry {entry:?}")]
    Unpack {
        /// Its name.
        entry: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Reading or inflating the stream failed.
    #[error("cannot read the tar stream")]
    Read(#[from] io::Error),
    /// More than the caller allows.
    #[error("the tar stream is larger than allowed: more than {limit} {unit}, reached at entry {entry:?}")]
    Limit {
        /// The bound.
        limit: u64,
        /// `bytes` or `entries`.
        unit: &'static str,
        /// Name of the entry that was read when it was reached.
        entry: String,
    },
}

impl ExtractError {
    pub(crate) fn refuse(entry: &Entry, reason: impl Into<String>) -> Self {
        Self::Entry { entry: entry.name(), reason: reason.into() }
    }

    /// Names the entry at which a limit was reached.
    pub(crate) fn at(mut self, last: &Entry) -> Self {
        if let Self::Limit { entry, .. } = &mut self {
            *entry = last.name();
        }
        self
    }

    pub(crate) fn unpack(entry: &Entry, source: impl Into<io::Error>) -> Self {
        Self::Unpack { entry: entry.name(), source: source.into() }
    }
}

/// Why a directory tree was not written as a tar stream.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file that a tar stream cannot express.
    #[error("cannot archive {}: {reason}", path.display())]
    Entry {
        /// The file, relative to the tree.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Reading the tree failed.
    #[error("cannot read {} to archive it", path.display())]
    Read {
        /// The file, relative to the tree.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The receiver of the stream failed.
    #[error("cannot write the tar stream")]
    Write(#[source] io::Error),
}

/// Bounds on what a tar stream may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed stream, and of the holes of its sparse files.
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
