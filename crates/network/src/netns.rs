//! Network namespaces: made without a mount point, held by a descriptor.
//!
//! A namespace lives as long as this handle, or a process inside it, does. Nothing names it on the host, so nothing
//! is left behind whatever dies when: before the container's process exists the engine's death frees it, afterwards
//! the process holds it and the next engine finds it as `/proc/<pid>/ns/net`.

use std::path::{Path, PathBuf};

/// A network namespace, and what was opened inside it.
#[derive(Debug)]
pub struct Netns {
    path: PathBuf,
}

/// What a new namespace is prepared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetnsOptions {
    /// Open the sockets of the embedded DNS server on 127.0.0.11.
    pub dns: bool,
    /// Allow IPv6 on interfaces other than `lo`.
    pub ipv6: bool,
}

/// A namespace could not be made, entered or prepared.
#[derive(Debug, thiserror::Error)]
#[error("network namespace{}: cannot {action}", path.as_ref().map(|p| format!(" {}", p.display())).unwrap_or_default())]
pub struct NetnsError {
    /// What failed, such as `unshare`.
    pub action: &'static str,
    /// The namespace, when it exists already.
    pub path: Option<PathBuf>,
    /// The cause.
    #[source]
    pub source: std::io::Error,
}

impl Netns {
    /// A namespace that somebody else made: `/proc/<pid>/ns/net` of a running container (for `container:` mode or
    /// after an engine restart), or a path of the user's.
    ///
    /// # Errors
    /// The path cannot be opened or is no network namespace.
    pub fn existing(path: &Path) -> Result<Self, NetnsError> {
        let _ = path;
        todo!()
    }

    /// Where another process can open it while this handle lives: `/proc/<this process>/fd/<n>`.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
