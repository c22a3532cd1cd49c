//! Making the container's root the root.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, mount_move, unmount};
use rustix::process::{chroot, fchdir, pivot_root};

use crate::runtime::CreateError;

/// Enters `root` and leaves nothing of the old root behind.
pub(super) fn enter(root: BorrowedFd<'_>, move_only: bool) -> Result<(), CreateError> {
    let result = if move_only { enter_by_move(root) } else { enter_by_pivot(root) };
    result.map_err(|source| CreateError::Step { step: "enter the root file system".to_owned(), source })
}

fn enter_by_pivot(root: BorrowedFd<'_>) -> io::Result<()> {
    let old = openat(CWD, "/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    fchdir(root)?;
    // The old root ends up on top of the new one, which needs no directory for it.
    pivot_root(".", ".")?;
    fchdir(old.as_fd())?;
    // Unmounting must not travel to the host, should its mounts be shared with these.
    mount_change(".", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    unmount(".", UnmountFlags::DETACH)?;
    Ok(rustix::process::chdir("/")?)
}

/// For a mount namespace that is shared with others.
pub(super) fn enter_by_chroot(root: BorrowedFd<'_>) -> Result<(), CreateError> {
    let enter = || -> io::Result<()> {
        fchdir(root)?;
        chroot(".")?;
        Ok(rustix::process::chdir("/")?)
    };
    enter().map_err(|source| CreateError::Step { step: "enter the root file system".to_owned(), source })
}

/// For a root file system that cannot be pivoted from: the initial ramdisk.
fn enter_by_move(root: BorrowedFd<'_>) -> io::Result<()> {
    fchdir(root)?;
    mount_move(".", "/")?;
    chroot(".")?;
    Ok(rustix::process::chdir("/")?)
}
