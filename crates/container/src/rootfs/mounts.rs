//! The mounts of an OCI spec, one by one in their order.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use beneath::Root;
use oci_spec::runtime::Mount;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, fstatfs, openat};
use rustix::mount::{MountFlags, mount_remount};

use super::options::{self, Depth, Options, attr};
use super::target::{Kind, kind_of, open_or_make, plain, real_path, reopen};
use super::{Context, attach, cgroup_mount, copy_up, proc_guard};
use crate::runtime::CreateError;

const PROC_MAGIC: i64 = 0x9fa0;

/// A mount of the spec, read and with its source open.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(super) destination: PathBuf,
    pub(super) kind: String,
    pub(super) source: String,
    pub(super) options: Options,
    /// Of a bind mount, opened where the caller's user may look, before a user namespace takes that right away.
    opened: Option<OwnedFd>,
}

impl Planned {
    /// Reads `mount`. Nothing is opened yet.
    ///
    /// # Errors
    /// The mount is not supported.
    pub(crate) fn new(mount: &Mount, bundle: &Path) -> Result<Self, CreateError> {
        let refused = |why: String| {
            CreateError::InvalidSpec(format!("mount on {}: {why}", mount.destination().display()))
        };
        let list = mount.options().as_deref().unwrap_or_default();
        let mut options = options::parse(list)
            .map_err(|option| refused(format!("the option {option:?} is not supported")))?;
        if mount.uid_mappings().is_some() || mount.gid_mappings().is_some() {
            return Err(refused("mapped ids are not supported".to_owned()));
        }
        let kind = mount.typ().clone().unwrap_or_default();
        if kind == "bind" {
            options.bind = options.bind.or(Some(Depth::One));
        }
        let mut source = mount.source().clone().unwrap_or_default();
        if options.bind.is_some() {
            source = bundle.join(source);
        }
        let source = source.to_str().ok_or_else(|| refused("its source is not UTF-8".to_owned()))?.to_owned();
        let source = if source.is_empty() { kind.clone() } else { source };
        Ok(Self { destination: mount.destination().clone(), kind, source, options, opened: None })
    }

    /// Opens the source of a bind mount.
    pub(crate) fn open_source(&mut self) -> Result<(), CreateError> {
        if self.options.bind.is_none() || self.options.remount {
            return Ok(());
        }
        let opened = openat(CWD, &self.source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        self.opened = Some(opened.map_err(|errno| CreateError::Path {
            what: "bind source path does not exist:".to_owned(),
            path: PathBuf::from(&self.source),
            source: errno.into(),
        })?);
        Ok(())
    }

    fn failed(&self, source: io::Error) -> CreateError {
        let what = match self.options.bind {
            Some(_) => format!("bind {}", self.source),
            None => format!("mount {}", self.kind),
        };
        CreateError::Step { step: format!("{what} on {}", self.destination.display()), source }
    }

    fn is_device_root(&self) -> bool {
        self.destination.components().eq(Path::new("/dev").components())
    }
}

/// Whether `/dev` is to be filled with the usual nodes: not if it is somebody else's directory.
pub(super) fn fills_dev(mounts: &[Planned]) -> bool {
    !mounts.iter().any(|mount| mount.is_device_root() && mount.options.bind.is_some())
}

/// Carries out one mount.
pub(super) fn mount(context: &mut Context<'_>, planned: &Planned) -> Result<(), CreateError> {
    let result = match (planned.kind.as_str(), planned.options.bind) {
        _ if planned.options.remount => remount(context.root, planned),
        (_, Some(_)) => bind(context, planned),
        ("cgroup" | "cgroup2", None) => cgroup_mount::mount(context, planned),
        _ => file_system(context, planned),
    };
    result.map_err(|error| match error {
        Fault::Kernel(source) => planned.failed(source),
        Fault::Refused(why) => {
            CreateError::InvalidSpec(format!("mount on {}: {why}", planned.destination.display()))
        }
    })
}

/// Why a mount was not made.
pub(super) enum Fault {
    Kernel(io::Error),
    Refused(&'static str),
}

impl<E: Into<io::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Kernel(error.into())
    }
}

fn bind(context: &Context<'_>, planned: &Planned) -> Result<(), Fault> {
    let Some(source) = &planned.opened else { return Err(Fault::Refused("its source is not open")) };
    let root = context.root;
    let target = open_or_make(root, &planned.destination, kind_of(source)?).map_err(|error| error.source)?;
    let real = real_path(&context.root_path, &target)?;
    if !proc_guard::allows(&real, &planned.kind, || is_procfs(source)) {
        return Err(Fault::Refused("nothing may cover a part of /proc"));
    }
    let reopen = || reopen(root, &planned.destination);
    attach::bind(source.as_fd(), target.as_fd(), &reopen, &planned.options)?;
    Ok(())
}

fn is_procfs(fd: &OwnedFd) -> bool {
    fstatfs(fd).is_ok_and(|fs| fs.f_type == PROC_MAGIC)
}

fn file_system(context: &mut Context<'_>, planned: &Planned) -> Result<(), Fault> {
    let (root, options) = (context.root, &planned.options);
    let target = open_or_make(root, &planned.destination, Kind::Directory).map_err(|error| error.source)?;
    let real = real_path(&context.root_path, &target)?;
    if matches!(planned.kind.as_str(), "proc" | "sysfs") && real != plain(&planned.destination) {
        return Err(Fault::Refused("it must be an ordinary directory, not a symbolic link"));
    }
    if !proc_guard::allows(&real, &planned.kind, || false) {
        return Err(Fault::Refused("nothing may cover a part of /proc"));
    }
    let mut flags = options.flags;
    let mut data = options.data.clone();
    if planned.kind == "tmpfs" {
        // Children are mounted in it first.
        if flags.contains(MountFlags::RDONLY) {
            flags.remove(MountFlags::RDONLY);
            context.read_only_later.push(planned.destination.clone());
        }
        data.insert(0, format!("mode={:o}", fstat(&target)?.st_mode & 0o7777));
    }
    if options.copy_up {
        copy_up::mount(root, planned, &data.join(","))?;
    } else {
        attach::mount_new(&planned.kind, &planned.source, target.as_fd(), flags, &data.join(","))?;
    }
    if let Some(propagation) = options.propagation {
        attach::propagate(reopen(root, &planned.destination)?.as_fd(), propagation)?;
    }
    Ok(())
}

fn remount(root: &Root, planned: &Planned) -> Result<(), Fault> {
    let mounted = reopen(root, &planned.destination)?;
    let bind = if planned.options.bind.is_some() { MountFlags::BIND } else { MountFlags::empty() };
    let path = attach::fd_path(mounted.as_fd());
    mount_remount(path, planned.options.flags | bind, planned.options.data.join(","))?;
    Ok(())
}

/// Makes those file systems read-only that had to be filled first.
pub(super) fn finish_read_only(root: &Root, destinations: &[PathBuf]) -> Result<(), CreateError> {
    for destination in destinations {
        let result = reopen(root, destination).and_then(|mounted| attach::make_read_only(mounted.as_fd()));
        result.map_err(|source| CreateError::Step {
            step: format!("make {} read-only", destination.display()),
            source,
        })?;
    }
    Ok(())
}

/// The attributes of a planned mount that hold for a mount made by descriptor.
pub(super) fn attributes(planned: &Planned) -> u64 {
    planned.options.set & !attr::RDONLY
}

/// Whether `fd` is the device `major:minor`.
pub(super) fn is_character_device(fd: &OwnedFd, major: u32, minor: u32) -> io::Result<bool> {
    let stat = fstat(fd)?;
    let device = rustix::fs::makedev(major, minor);
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == device)
}
