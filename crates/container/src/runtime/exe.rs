//! Keeping containers away from the file that this program runs from.
//!
//! A process in a container can reach the runtime's executable through `/proc/<pid>/exe`, keep it open, and write
//! to it when nobody runs it any more (CVE-2019-5736). What runs in containers therefore runs from a copy of the
//! *mount* that is read-only and in nobody's namespace: opening it for writing fails whoever does it. That costs
//! three system calls once per engine, not a copy of the file. Kernels before 5.12 get a sealed copy in memory.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{
    CWD, MemfdFlags, Mode, OFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, fcntl_get_seals, fstatvfs,
    memfd_create, openat,
};
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::rootfs::options::attr;
use crate::sys::{MountAttr, mount_setattr};

const SELF: &str = "/proc/self/exe";

/// This program, from where it can be executed but not written.
#[derive(Debug)]
pub struct ProtectedExe(OwnedFd);

impl ProtectedExe {
    /// Opens it. Keep it for as long as shims are to be started.
    ///
    /// # Errors
    /// Neither way works (no memory, or no privileges).
    pub fn open() -> io::Result<Self> {
        read_only_mount().or_else(|_| sealed_copy()).map(Self)
    }

    /// The path to give to `exec` while this value lives; it holds in forked children, too.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

/// Whether the calling process runs from a file that nobody can write through `/proc/self/exe`.
pub fn runs_protected() -> bool {
    let Ok(exe) = openat(CWD, SELF, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else { return false };
    let sealed = fcntl_get_seals(&exe).is_ok_and(|seals| seals.contains(SealFlags::WRITE));
    sealed || fstatvfs(&exe).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn read_only_mount() -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, SELF, flags)?;
    mount_setattr(tree.as_fd(), c"", false, MountAttr { set: attr::RDONLY, ..MountAttr::default() })?;
    Ok(tree)
}

fn sealed_copy() -> io::Result<OwnedFd> {
    let copy = memfd_create("berth", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut copy = File::from(copy);
    io::copy(&mut File::open(SELF)?, &mut copy)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&copy, seals)?;
    Ok(copy.into())
}
