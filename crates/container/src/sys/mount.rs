//! `mount_setattr(2)`.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// What [`mount_setattr`] changes: `struct mount_attr` without its user namespace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MountAttr {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE` or `MS_UNBINDABLE`; 0 leaves it.
    pub propagation: u64,
}

/// Changes the mount that `dir`'s `path` is the root of (`""` for `dir` itself), with all below it if `recursive`.
///
/// # Errors
/// `ENOSYS` before Linux 5.12.
pub(crate) fn mount_setattr(
    dir: BorrowedFd<'_>,
    path: &CStr,
    recursive: bool,
    attr: MountAttr,
) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let raw = [attr.set, attr.clear, attr.propagation, 0u64];
    // SAFETY: both pointers are valid for the call, the size is that of `struct mount_attr`.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            dir.as_raw_fd(),
            path.as_ptr(),
            flags,
            raw.as_ptr(),
            size_of_val(&raw),
        )
    })
    .map(drop)
}
