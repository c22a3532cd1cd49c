use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use time::OffsetDateTime;

use crate::feed::Feed;

/// Bytes that come from a caller.
pub type ByteSource = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// A tar archive that is being read.
pub type ArchiveStream = Feed<std::io::Result<Bytes>>;

/// What a path in a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    /// Last component.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Type and permission bits as `stat` gives them (`st_mode`).
    pub mode: u32,
    /// Last change.
    pub mtime: OffsetDateTime,
    /// Target of a symbolic link; empty otherwise.
    pub link_target: String,
}

/// How an archive is unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// A directory never replaces a file nor a file a directory.
    pub no_overwrite_dir_non_dir: bool,
    /// Everything belongs to the container's user, if it has one; otherwise owners are those of the archive.
    pub copy_uid_gid: bool,
}

/// A path that differs from the image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Absolute path in the container.
    pub path: PathBuf,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// How a path differs from the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Other content or metadata (0).
    Modified,
    /// New (1).
    Added,
    /// Gone (2).
    Deleted,
}
