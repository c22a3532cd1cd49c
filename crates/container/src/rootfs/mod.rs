//! The container's file system: from the host's mounts, copied into a new mount namespace, to the container's.
//!
//! Everything here happens in the container's own mount namespace, before anything of the container runs, and
//! while the host's `/proc` and `/dev` can still be trusted. See [`attach`] for how paths are kept from leading
//! astray.

mod attach;
mod cgroup_mount;
mod copy_up;
mod devices;
mod hide;
mod mounts;
pub(crate) mod options;
mod pivot;
mod proc_guard;
mod target;
mod terminal;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use beneath::Root;
use oci_spec::runtime::LinuxDevice;
use rustix::fs::{CWD, Mode, OFlags, StatxAttributes, StatxFlags, openat, statx};
use rustix::mount::{MountPropagationFlags, mount_bind_recursive, mount_change};

pub(crate) use attach::modern as has_new_mount_api;
pub(crate) use mounts::Planned;
pub(crate) use terminal::Terminal;

use crate::overlay::Overlay;
use crate::runtime::{CreateError, PrepareRoot};

/// What the file system of a container is to be.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where the root file system is, absolute.
    pub root: PathBuf,
    /// An overlay to be mounted there first.
    pub prepare: Option<PrepareRoot>,
    /// Whether the root is read-only.
    pub read_only: bool,
    /// How mounts travel between the container's root and what was there before; slave if it is not given.
    pub propagation: Option<MountPropagationFlags>,
    /// The mounts.
    pub mounts: Vec<Planned>,
    /// Device nodes beside the usual ones.
    pub devices: Vec<LinuxDevice>,
    /// Paths to be covered.
    pub masked: Vec<String>,
    /// Paths to be made read-only.
    pub read_only_paths: Vec<String>,
    /// Whether the mount namespace is the container's own; if not, mounts are made beneath the root for all who
    /// are in it to see, and the root is changed by `chroot`.
    pub own_mounts: bool,
    /// Whether this is done in a user namespace, where device nodes cannot be made.
    pub in_user_namespace: bool,
    /// Whether the container sees its control group as the root of all.
    pub own_cgroup_namespace: bool,
    /// The control group's path in each hierarchy.
    pub cgroup: PathBuf,
    /// Do without `pivot_root`.
    pub no_pivot: bool,
}

/// What single mounts need to know.
struct Context<'a> {
    root: &'a Root,
    /// Where the root is, as seen now.
    root_path: PathBuf,
    own_cgroup_namespace: bool,
    cgroup: &'a Path,
    read_only_later: Vec<PathBuf>,
}

impl Context<'_> {
    /// The container's control group in the hierarchy mounted at `root`.
    fn cgroup_below(&self, root: &Path) -> PathBuf {
        root.join(self.cgroup.strip_prefix("/").unwrap_or(self.cgroup))
    }
}

/// The file system when all is mounted, but before it becomes the root.
#[derive(Debug)]
pub(crate) struct Prepared {
    root: Root,
    read_only_later: Vec<PathBuf>,
}

/// First step: takes the mounts away from the host's and puts the root file system in place.
///
/// The sources of bind mounts are opened here: afterwards the caller may change its user.
pub(crate) fn isolate(plan: &mut Plan) -> Result<(), CreateError> {
    let slave = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    if plan.own_mounts {
        mount_change("/", plan.propagation.unwrap_or(slave))
            .map_err(step("take the mounts away from the host's"))?;
    }
    if let Some(overlay) = &plan.prepare {
        mount_overlay(overlay, &plan.root)?;
    }
    plan.mounts.iter_mut().try_for_each(Planned::open_source)
}

/// Second step: mounts everything.
pub(crate) fn prepare(plan: &Plan) -> Result<Prepared, CreateError> {
    let root = open_root(plan)?;
    let mut context = Context {
        root: &root,
        root_path: target::path_of(root.fd()).map_err(|source| CreateError::Path {
            what: "root file system".to_owned(),
            path: plan.root.clone(),
            source,
        })?,
        own_cgroup_namespace: plan.own_cgroup_namespace,
        cgroup: &plan.cgroup,
        read_only_later: Vec::new(),
    };
    for planned in &plan.mounts {
        mounts::mount(&mut context, planned)?;
    }
    let read_only_later = context.read_only_later;
    if mounts::fills_dev(&plan.mounts) {
        devices::fill(&root, &plan.devices, !plan.in_user_namespace)?;
    }
    Ok(Prepared { root, read_only_later })
}

/// The layers and bind mounts of a container that does not run, mounted on `path` for somebody who looks in from
/// outside: without devices and the kernel's own file systems.
pub(crate) fn assemble(
    path: &Path,
    layers: &PrepareRoot,
    binds: &mut [Planned],
    read_only: bool,
) -> Result<Root, CreateError> {
    binds.iter_mut().try_for_each(Planned::open_source)?;
    mount_overlay(layers, path)?;
    let failed =
        |source| CreateError::Path { what: "root file system".to_owned(), path: path.to_owned(), source };
    let root = Root::open(path).map_err(failed)?;
    let mut context = Context {
        root: &root,
        root_path: target::path_of(root.fd()).map_err(failed)?,
        own_cgroup_namespace: false,
        cgroup: Path::new("/"),
        read_only_later: Vec::new(),
    };
    binds.iter().try_for_each(|bind| mounts::mount(&mut context, bind))?;
    if read_only {
        attach::make_read_only(root.fd()).map_err(failed)?;
    }
    Ok(root)
}

impl Prepared {
    /// The container's root.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// Last step: hides what is to be hidden, and makes this the root directory of the calling process.
    pub(crate) fn enter(self, plan: &Plan) -> Result<(), CreateError> {
        mounts::finish_read_only(&self.root, &self.read_only_later)?;
        hide::make_read_only(&self.root, &plan.read_only_paths)?;
        hide::mask(&self.root, &plan.masked)?;
        if plan.read_only && plan.own_mounts {
            attach::make_read_only(self.root.fd())
                .map_err(|source| CreateError::Step { step: "make the root read-only".to_owned(), source })?;
        }
        if !plan.own_mounts {
            return pivot::enter_by_chroot(self.root.fd());
        }
        pivot::enter(self.root.fd(), plan.no_pivot)?;
        if let Some(flags) = plan.propagation.filter(|flags| *flags != private()) {
            mount_change("/", flags).map_err(step("set the root's propagation"))?;
        }
        Ok(())
    }
}

fn private() -> MountPropagationFlags {
    MountPropagationFlags::PRIVATE | MountPropagationFlags::REC
}

fn step(what: &str) -> impl FnOnce(rustix::io::Errno) -> CreateError {
    move |errno| CreateError::Step { step: what.to_owned(), source: errno.into() }
}

/// Opens the root file system, which has to be a mount of its own to become the root.
fn open_root(plan: &Plan) -> Result<Root, CreateError> {
    let failed = |source: io::Error| CreateError::Path {
        what: "root file system".to_owned(),
        path: plan.root.clone(),
        source,
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || openat(CWD, &plan.root, flags, Mode::empty()).map_err(|errno| failed(errno.into()));
    let mut root = open()?;
    if plan.prepare.is_none() && plan.own_mounts {
        if plan.propagation.is_some() {
            make_parent_private(&plan.root);
        }
        // A mount that came into a user namespace from outside is locked in its place: its copy is not.
        if plan.propagation.is_some() || plan.in_user_namespace || !is_mount(&root) {
            mount_bind_recursive(attach::fd_path(root.as_fd()), &plan.root)
                .map_err(|errno| failed(errno.into()))?;
            root = open()?;
        }
    }
    Ok(Root::from_fd(root))
}

/// `pivot_root` refuses to work where the parent of the new root is shared.
fn make_parent_private(path: &Path) {
    for above in path.ancestors() {
        if mount_change(above, MountPropagationFlags::PRIVATE).is_ok() {
            return;
        }
    }
}

fn is_mount(fd: &OwnedFd) -> bool {
    let answer = statx(fd, "", rustix::fs::AtFlags::EMPTY_PATH, StatxFlags::empty());
    answer.is_ok_and(|stat| {
        stat.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT)
            && stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
    })
}

fn mount_overlay(overlay: &PrepareRoot, target: &Path) -> Result<(), CreateError> {
    let upper = overlay.upper.as_ref().map(|(upper, work)| (upper.as_path(), work.as_path()));
    let overlay =
        Overlay { lower: &overlay.lower, upper, options: &overlay.options, volatile: overlay.volatile };
    overlay.mount(target).map_err(|source| CreateError::Path {
        what: "mount the overlay on".to_owned(),
        path: target.to_owned(),
        source,
    })
}
