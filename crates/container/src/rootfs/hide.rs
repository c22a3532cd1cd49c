//! Masked and read-only paths.
//!
//! Guarantees: what covers a file is `/dev/null` and nothing else — its device number is looked at, as an image can
//! put anything in its place; what is covered is what was opened beneath the root, whatever is renamed meanwhile.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use beneath::Root;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen,
};

use super::attach;
use super::mounts::is_character_device;
use super::options::{Depth, Options};
use super::target::{Kind, kind_of, reopen};
use crate::runtime::CreateError;

/// Covers `paths`: files by the null device, directories by an empty read-only directory.
pub(super) fn mask(root: &Root, paths: &[String]) -> Result<(), CreateError> {
    let mut cover = Cover::default();
    for path in paths {
        let result = match open(root, path) {
            Some(target) => target.and_then(|target| cover.put(root, Path::new(path), &target)),
            None => Ok(()),
        };
        result.map_err(|source| CreateError::Step { step: format!("mask {path}"), source })?;
    }
    Ok(())
}

/// Makes what is at `paths` read-only.
pub(super) fn make_read_only(root: &Root, paths: &[String]) -> Result<(), CreateError> {
    for path in paths {
        let result = match open(root, path) {
            Some(target) => target.and_then(|target| bind_read_only(root, Path::new(path), target.as_fd())),
            None => Ok(()),
        };
        result.map_err(|source| CreateError::Step { step: format!("make {path} read-only"), source })?;
    }
    Ok(())
}

/// A path that does not exist needs no hiding.
fn open(root: &Root, path: &str) -> Option<io::Result<OwnedFd>> {
    match root.open_at(path, OFlags::PATH, Mode::empty()) {
        Err(error) if matches!(error.source.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => None,
        other => Some(other.map_err(|error| error.source)),
    }
}

fn bind_read_only(root: &Root, path: &Path, target: BorrowedFd<'_>) -> io::Result<()> {
    let options = Options {
        bind: Some(Depth::All),
        flags: MountFlags::RDONLY,
        set: super::options::attr::RDONLY,
        ..Options::default()
    };
    attach::bind(target, target, &|| reopen(root, path), &options)
}

/// What masked paths are covered with, made when it is first needed.
#[derive(Default)]
struct Cover {
    null: Option<OwnedFd>,
    empty: Option<OwnedFd>,
}

impl Cover {
    fn put(&mut self, root: &Root, path: &Path, target: &OwnedFd) -> io::Result<()> {
        match kind_of(target)? {
            Kind::File => {
                if self.null.is_none() {
                    self.null = Some(null_device(root)?);
                }
                let Some(null) = &self.null else { return Ok(()) };
                let options = Options { bind: Some(Depth::One), ..Options::default() };
                attach::bind(null.as_fd(), target.as_fd(), &|| reopen(root, path), &options)
            }
            Kind::Directory => self.put_empty(target),
        }
    }

    /// One empty file system serves all directories, where the kernel can make it unseen.
    fn put_empty(&mut self, target: &OwnedFd) -> io::Result<()> {
        if !attach::modern() {
            return attach::mount_new(
                "tmpfs",
                "tmpfs",
                target.as_fd(),
                MountFlags::RDONLY,
                "nr_blocks=1,nr_inodes=1",
            );
        }
        match &self.empty {
            Some(empty) => {
                attach::attach(attach::detached(empty.as_fd(), Depth::One)?.as_fd(), target.as_fd())
            }
            None => {
                let empty = empty_directory()?;
                attach::attach(empty.as_fd(), target.as_fd())?;
                self.empty = Some(empty);
                Ok(())
            }
        }
    }
}

fn empty_directory() -> io::Result<OwnedFd> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", "tmpfs")?;
    fsconfig_set_string(&context, "nr_blocks", "1")?;
    fsconfig_set_string(&context, "nr_inodes", "1")?;
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)?)
}

/// The container's own null device if it is one, so that its attributes are the container's; else the host's.
fn null_device(root: &Root) -> io::Result<OwnedFd> {
    let own = root.open_at("/dev/null", OFlags::PATH | OFlags::NOFOLLOW, Mode::empty());
    if let Ok(own) = own
        && is_character_device(&own, 1, 3)?
    {
        return Ok(own);
    }
    let host = openat(CWD, "/dev/null", OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    if is_character_device(&host, 1, 3)? { Ok(host) } else { Err(io::ErrorKind::NotFound.into()) }
}
