//! Reading a path across the layers of an image without mounting them.
//!
//! Guarantees: no symbolic link is followed but those resolved here, inside the merged tree; whiteouts, opaque
//! directories and files in the place of directories count as overlayfs counts them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use beneath::Accounts;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

mod copy;
mod walk;

use walk::{Found, Walk};

/// Largest account file that is read, in bytes.
const ACCOUNTS_LIMIT: u64 = 16 << 20;

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
    /// Something that is no directory is where one must be, or the other way round.
    #[error("not a {expected}: {}", path.display())]
    Kind {
        /// The path inside the view.
        path: PathBuf,
        /// `directory` or `regular file`.
        expected: &'static str,
    },
    /// Reading a layer directory, or writing the copy, failed.
    #[error("cannot read {}", path.display())]
    Io {
        /// The path inside the view.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Writing the copy failed.
    #[error("cannot copy to {}", path.display())]
    Write {
        /// The path on the host.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl View {
    /// A view of `dirs`, top first; a container's upper directory may be the first.
    pub fn new(dirs: Vec<PathBuf>) -> Self {
        Self { dirs }
    }

    /// Looks a path up, following links; the last one only if `follow`.
    pub fn lookup(&self, path: &Path, follow: bool) -> Result<Node, ViewError> {
        let mut walk = self.walk(path)?;
        let found = walk.find(path, follow).map_err(|error| failed(path, error))?;
        let (stat, host_path) = (*found.stat(), found.host_path());
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => NodeKind::Directory,
            FileType::RegularFile => NodeKind::File,
            FileType::Symlink => NodeKind::Symlink(found.link().map_err(|error| failed(path, error))?),
            _ => NodeKind::Special,
        };
        Ok(node(walk.path(&found), host_path, kind, &stat))
    }

    /// The names in a directory, merged and sorted.
    pub fn read_dir(&self, path: &Path) -> Result<Vec<OsString>, ViewError> {
        match self.walk(path)?.find(path, true).map_err(|error| failed(path, error))? {
            Found::Directory(merged) => merged.names().map_err(|error| failed(path, error)),
            Found::Other { .. } => Err(ViewError::Kind { path: path.to_owned(), expected: "directory" }),
        }
    }

    /// The content of a regular file, at most `limit` bytes of it.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ViewError> {
        let found = self.walk(path)?.find(path, true).map_err(|error| failed(path, error))?;
        if FileType::from_raw_mode(found.stat().st_mode) != FileType::RegularFile {
            return Err(ViewError::Kind { path: path.to_owned(), expected: "regular file" });
        }
        let file: File = found.open().map_err(|error| failed(path, error))?.into();
        let mut content = Vec::new();
        file.take(limit).read_to_end(&mut content).map_err(|source| failed(path, source))?;
        Ok(content)
    }

    /// The users and groups the merged tree's files name; a missing file is an empty one.
    pub fn accounts(&self) -> Result<Accounts, ViewError> {
        let read = |path: &str| match self.read(Path::new(path), ACCOUNTS_LIMIT) {
            Err(ViewError::NotFound { .. } | ViewError::Kind { .. }) => Ok(Vec::new()),
            done => done,
        };
        Ok(Accounts::parse(&read("etc/passwd")?, &read("etc/group")?))
    }

    /// Copies the tree at `path` into the existing directory `to` with owners, modes, times, links and extended
    /// attributes (the first content of a volume). The attributes of `path` itself are put on `to`.
    ///
    /// Assumptions: nobody else writes to `to` meanwhile.
    pub fn copy_tree(&self, path: &Path, to: &Path) -> Result<(), ViewError> {
        match self.walk(path)?.find(path, true).map_err(|error| failed(path, error))? {
            Found::Directory(merged) => copy::copy_tree(&merged, path, to),
            Found::Other { .. } => Err(ViewError::Kind { path: path.to_owned(), expected: "directory" }),
        }
    }

    fn walk(&self, path: &Path) -> Result<Walk, ViewError> {
        Walk::new(&self.dirs).map_err(|error| failed(path, error))
    }
}

fn node(path: PathBuf, host_path: PathBuf, kind: NodeKind, stat: &Stat) -> Node {
    let size = if kind == NodeKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
    Node { path, host_path, kind, uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o7777, size }
}

fn failed(path: &Path, source: impl Into<io::Error>) -> ViewError {
    let (path, source) = (path.to_owned(), source.into());
    match Errno::from_io_error(&source) {
        Some(Errno::NOENT) => ViewError::NotFound { path },
        Some(Errno::LOOP) => ViewError::TooManyLinks { path },
        Some(Errno::NOTDIR) => ViewError::Kind { path, expected: "directory" },
        _ => ViewError::Io { path, source },
    }
}
