//! Mounting by descriptor.
//!
//! Sources and targets are descriptors, never paths, so that nobody who renames in a shared volume decides where a
//! mount goes. Kernels with `mount_setattr` (5.12) attach a mount that is complete already; older ones mount
//! through `/proc/self/fd` of the host's procfs and change the flags afterwards.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{CWD, StatVfsMountFlags, fstat, fstatvfs};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind,
    mount_bind_recursive, mount_change, mount_remount, move_mount, open_tree,
};

use super::options::{Depth, Options, attr};
use crate::sys::{MountAttr, mount_setattr};

/// Opens the target again: after a mount, that is the mount's root.
pub(super) type Reopen<'a> = &'a dyn Fn() -> io::Result<OwnedFd>;

/// Whether this kernel (and whoever filters our system calls) has the mount API of Linux 5.12.
pub(crate) fn modern() -> bool {
    static MODERN: OnceLock<bool> = OnceLock::new();
    *MODERN.get_or_init(|| {
        // Without anything to change, the kernel has nothing to object to.
        mount_setattr(CWD, c"/", false, MountAttr::default()).is_ok()
    })
}

/// A path to a descriptor, for system calls that take none.
pub(super) fn fd_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Makes a detached copy of the mount(s) at `source`.
pub(super) fn detached(source: BorrowedFd<'_>, depth: Depth) -> io::Result<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let recursive = if depth == Depth::All { OpenTreeFlags::AT_RECURSIVE } else { OpenTreeFlags::empty() };
    Ok(open_tree(source, "", flags | recursive)?)
}

/// Puts a detached mount onto `target`.
pub(super) fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree, "", target, "", flags)?)
}

/// Sets attributes of the mount whose root is `fd`.
pub(super) fn set_attributes(fd: BorrowedFd<'_>, set: u64, clear: u64, depth: Depth) -> io::Result<()> {
    if set == 0 && clear == 0 {
        return Ok(());
    }
    mount_setattr(fd, c"", depth == Depth::All, MountAttr { set, clear, propagation: 0 })
}

/// Binds what is at `source` to `target`.
pub(super) fn bind(
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    reopen: Reopen<'_>,
    options: &Options,
) -> io::Result<()> {
    let depth = options.bind.unwrap_or(Depth::One);
    if modern() {
        bind_complete(source, target, depth, options)
    } else {
        bind_and_change(source, target, reopen, depth, options)
    }
}

fn bind_complete(
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    depth: Depth,
    options: &Options,
) -> io::Result<()> {
    let tree = detached(source, depth)?;
    // `rw` and the like alone ask for nothing: the mount is as its source is.
    if options.set != 0 || options.clear & attr::ATIME != 0 {
        set_attributes(tree.as_fd(), options.set, options.clear, Depth::One)?;
    }
    let (set, clear) = options.recursive;
    set_attributes(tree.as_fd(), set, clear, Depth::All)?;
    attach(tree.as_fd(), target)?;
    options.propagation.map_or(Ok(()), |flags| propagate(tree.as_fd(), flags))
}

fn bind_and_change(
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    reopen: Reopen<'_>,
    depth: Depth,
    options: &Options,
) -> io::Result<()> {
    if options.recursive != (0, 0) {
        return Err(Errno::OPNOTSUPP.into());
    }
    match depth {
        Depth::One => mount_bind(fd_path(source), fd_path(target))?,
        Depth::All => mount_bind_recursive(fd_path(source), fd_path(target))?,
    }
    let plain = MountFlags::empty();
    if options.flags != plain || options.propagation.is_some() {
        let mounted = same_file(reopen()?, source)?;
        if options.flags != plain {
            change_flags(mounted.as_fd(), options.flags)?;
        }
        if let Some(flags) = options.propagation {
            mount_change(fd_path(mounted.as_fd()), flags)?;
        }
    }
    Ok(())
}

/// Makes sure that nothing else has got in between.
fn same_file(opened: OwnedFd, expected: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (ours, theirs) = (fstat(&opened)?, fstat(expected)?);
    if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino) {
        Ok(opened)
    } else {
        Err(Errno::STALE.into())
    }
}

/// Adds `flags` to the mount whose root is `fd`, the old way.
pub(super) fn change_flags(fd: BorrowedFd<'_>, flags: MountFlags) -> io::Result<()> {
    let has = fstatvfs(fd)?.f_flag;
    let kept = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let kept = kept.into_iter().filter(|(flag, _)| has.contains(*flag)).map(|(_, flag)| flag);
    let all = kept.fold(flags, MountFlags::union);
    Ok(mount_remount(fd_path(fd), all | MountFlags::BIND, "")?)
}

/// Makes the mount whose root is `fd` read-only.
pub(super) fn make_read_only(fd: BorrowedFd<'_>) -> io::Result<()> {
    if modern() {
        set_attributes(fd, attr::RDONLY, 0, Depth::One)
    } else {
        change_flags(fd, MountFlags::RDONLY)
    }
}

/// Sets how mounts travel to and from the mount whose root is `fd`.
pub(super) fn propagate(fd: BorrowedFd<'_>, flags: MountPropagationFlags) -> io::Result<()> {
    Ok(mount_change(fd_path(fd), flags)?)
}

/// Mounts a new file system on `target`.
pub(super) fn mount_new(
    kind: &str,
    source: &str,
    target: BorrowedFd<'_>,
    flags: MountFlags,
    data: &str,
) -> io::Result<()> {
    let data = CString::new(data).map_err(|_| io::Error::from(Errno::INVAL))?;
    Ok(mount(source, fd_path(target), kind, flags, data.as_c_str())?)
}
