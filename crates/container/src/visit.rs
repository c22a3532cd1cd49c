//! A container's file system as seen from outside: for copying files in and out.
//!
//! What is mounted for a visit is mounted in a namespace of its own that ends with the [`Visit`], or with the process
//! that holds it. Nothing of it is ever seen on the host, and nothing needs to be unmounted.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use beneath::Root;
use oci_spec::runtime::Mount;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};

use crate::protocol::ProcessId;
use crate::rootfs::{self, Planned};
use crate::runtime::{CreateError, PrepareRoot};
use crate::sys;

/// A container's file system, as long as it is needed.
#[derive(Debug)]
pub struct Visit {
    root: Root,
    /// Mounts fall away from each other when their namespace ends.
    _namespace: OwnedFd,
}

impl Visit {
    /// The container's root directory. Paths are to be resolved beneath it: what is in there is not to be trusted.
    pub fn root(&self) -> &Root {
        &self.root
    }
}

/// How much of a running container's file system is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What its processes see, with volumes and all other mounts.
    Everything,
    /// The root file system alone.
    RootAlone,
}

/// The file system of a container that does not run.
#[derive(Debug, Clone)]
pub struct StoppedTree {
    /// Its layers. They must not be mounted elsewhere for writing at the same time.
    pub layers: PrepareRoot,
    /// Bind mounts, in the order they are made. Mount points that are missing are made, as for a start.
    pub mounts: Vec<Mount>,
    /// Whether nothing may be written to the root file system.
    pub read_only: bool,
    /// Any directory of the host; the visit's own namespace alone sees it covered.
    pub mount_point: PathBuf,
}

/// Why a container's file system could not be visited.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// The process whose file system was to be visited has ended.
    #[error("process {0} has ended")]
    Ended(i32),
    /// The namespace could not be made, entered or looked at.
    #[error("cannot {action}")]
    Namespace {
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The layers or the volumes could not be mounted.
    #[error("cannot put the container's file system together")]
    Assemble(#[from] CreateError),
}

fn namespace_error<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> VisitError {
    move |source| VisitError::Namespace { action, source: source.into() }
}

/// The file system that `process`, a running container's first one, has.
///
/// # Errors
/// [`VisitError::Ended`] when there is no such process any more.
pub fn running(process: ProcessId, scope: Scope) -> Result<Visit, VisitError> {
    let namespace = open(format!("/proc/{}/ns/mnt", process.pid));
    // Looked at after it was opened: otherwise it might be another process of the same number.
    if !process.exists() {
        return Err(VisitError::Ended(process.pid));
    }
    let namespace = namespace.map_err(namespace_error("open the container's mount namespace"))?;
    let root = aside(|| {
        // A thread that shares its root directory with others cannot enter a mount namespace.
        sys::unshare(libc::CLONE_FS).map_err(namespace_error("leave the common root directory"))?;
        sys::setns(namespace.as_fd(), libc::CLONE_NEWNS)
            .map_err(namespace_error("enter the container's mount namespace"))?;
        match scope {
            Scope::Everything => open_root("/"),
            Scope::RootAlone => root_alone(),
        }
    })?;
    Ok(Visit { root, _namespace: namespace })
}

/// Puts the file system of a container together that does not run.
///
/// # Errors
/// [`VisitError::Assemble`] names the layer or volume that could not be mounted.
pub fn stopped(tree: &StoppedTree) -> Result<Visit, VisitError> {
    aside(|| {
        own_namespace(MountPropagationFlags::DOWNSTREAM)?;
        let mut mounts = Vec::with_capacity(tree.mounts.len());
        for mount in &tree.mounts {
            mounts.push(Planned::new(mount, Path::new("/"))?);
        }
        let root = rootfs::assemble(&tree.mount_point, &tree.layers, &mut mounts, tree.read_only)?;
        let namespace =
            open("/proc/thread-self/ns/mnt").map_err(namespace_error("open the visit's mount namespace"))?;
        Ok(Visit { root, _namespace: namespace })
    })
}

/// Runs `work` on a thread of its own, whose namespaces end with it.
pub(crate) fn aside<T: Send>(work: impl FnOnce() -> Result<T, VisitError> + Send) -> Result<T, VisitError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("visit".to_owned()).spawn_scoped(scope, work);
        let thread = thread.map_err(namespace_error("start a thread"))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(crate) fn own_namespace(propagation: MountPropagationFlags) -> Result<(), VisitError> {
    sys::unshare(libc::CLONE_NEWNS).map_err(namespace_error("make a mount namespace"))?;
    mount_change("/", propagation | MountPropagationFlags::REC)
        .map_err(namespace_error("take the mounts away from the host's"))
}

/// The root file system without what is mounted in it: bound to a directory that every container has.
fn root_alone() -> Result<Root, VisitError> {
    const ANYWHERE: &str = "/proc";
    own_namespace(MountPropagationFlags::PRIVATE)?;
    mount_bind("/", ANYWHERE).map_err(namespace_error("bind the root file system"))?;
    open_root(ANYWHERE)
}

fn open_root(path: &str) -> Result<Root, VisitError> {
    Root::open(path).map_err(namespace_error("open the container's root directory"))
}

fn open(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path.as_ref(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
