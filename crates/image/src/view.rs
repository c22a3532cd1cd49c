//! Reading a path across the layers of an image without mounting them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The merged tree of a list of layer directories (top first), read without a mount.
///
/// For single look-ups: accounts, a volume's first content, `cp` from a container that does not run.
#[derive(Debug)]
pub struct View {
    dirs: Vec<PathBuf>,
}

/// What a path in a [`View`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link and its text.
    Symlink(PathBuf),
    /// A device, pipe or socket.
    Special,
}

/// One file or directory of a [`View`].
#[derive(Debug, Clone)]
pub struct Node {
    /// Path inside the view, links resolved.
    pub path: PathBuf,
    /// Where its data and attributes are on the host.
    pub host_path: PathBuf,
    /// What it is.
    pub kind: NodeKind,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits (07777).
    pub mode: u32,
    /// Size in bytes of a regular file.
    pub size: u64,
}

/// A path that could not be read in a [`View`].
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// There is no such path in the merged tree.
    #[error("no such file or directory: {}", path.display())]
    NotFound {
        /// The path inside the view.
        path: PathBuf,
    },
    /// More than 40 symbolic links.
    #[error("too many levels of symbolic links: {}", path.display())]
    TooManyLinks {
        /// The path inside the view.
        path: PathBuf,
    },
    /// Reading a layer directory failed.
    #[error("cannot read {}", path.display())]
    Io {
        /// The path on the host.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}

impl View {
    /// A view of `dirs`, top first; a container's upper directory may be the first.
    pub fn new(dirs: Vec<PathBuf>) -> Self {
        Self { dirs }
    }

    /// Looks a path up, following links; the last one only if `follow`.
    pub fn lookup(&self, path: &Path, follow: bool) -> Result<Node, ViewError> {
        let _ = (path, follow, &self.dirs);
        todo!()
    }

    /// The names in a directory, merged and sorted.
    pub fn read_dir(&self, path: &Path) -> Result<Vec<OsString>, ViewError> {
        let _ = path;
        todo!()
    }

    /// The content of a regular file, at most `limit` bytes of it.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ViewError> {
        let _ = (path, limit);
        todo!()
    }

    /// Copies the tree at `path` into the existing directory `to` with owners, modes, times, links and extended
    /// attributes (the first content of a volume). The attributes of `path` itself are put on `to`.
    pub fn copy_tree(&self, path: &Path, to: &Path) -> Result<(), ViewError> {
        let _ = (path, to);
        todo!()
    }
}
