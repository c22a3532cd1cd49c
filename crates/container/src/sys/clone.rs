//! Making a child process in new namespaces.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use super::check;

/// Which side of a [`clone_process`] this is.
#[derive(Debug)]
pub(crate) enum Cloned {
    /// The new process.
    Child,
    /// The caller.
    Parent {
        /// The child, in the caller's pid namespace.
        pid: i32,
        /// Its descriptor, from Linux 5.2 on.
        pidfd: Option<OwnedFd>,
    },
}

/// Proof that the process had one thread when it was made, which makes `clone` without `exec` sound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SingleThread(());

/// Checks that this process has one thread.
///
/// # Errors
/// `EBUSY` with more threads than one.
pub(crate) fn into_single_thread() -> io::Result<SingleThread> {
    let threads = rustix::fs::stat("/proc/self/task")?.st_nlink.saturating_sub(2);
    if threads > 1 { Err(Errno::BUSY.into()) } else { Ok(SingleThread(())) }
}

/// `struct clone_args` of Linux 5.7, the first with `CLONE_INTO_CGROUP`.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Clones this process as `fork` does, with the namespace `flags` (`CLONE_NEW…`, `CLONE_PARENT`).
///
/// `cgroup` is a directory of the v2 hierarchy that the child shall be born in. Kernels without
/// `CLONE_INTO_CGROUP` answer `ENOSYS` or `E2BIG` to that; the caller then joins by hand.
pub(crate) fn clone_process(
    _proof: SingleThread,
    flags: libc::c_int,
    cgroup: Option<BorrowedFd<'_>>,
) -> io::Result<Cloned> {
    match cgroup {
        Some(fd) => clone3(flags, fd),
        None => match clone(flags | libc::CLONE_PIDFD) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => clone(flags),
            other => other,
        },
    }
}

/// Whether the kernel can have a process born in a v2 control group.
pub(crate) fn clone_into_cgroup_available() -> bool {
    // The descriptor is none, so no process is made: EBADF from kernels that look at it.
    let args = CloneArgs {
        flags: CLONE_INTO_CGROUP,
        exit_signal: libc::SIGCHLD as u64,
        cgroup: i32::MAX as u64,
        ..CloneArgs::default()
    };
    // SAFETY: as in `clone3`, and it fails.
    let answer = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
    answer < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EBADF)
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

fn clone3(flags: libc::c_int, cgroup: BorrowedFd<'_>) -> io::Result<Cloned> {
    let mut pidfd: libc::c_int = -1;
    let parent = flags & libc::CLONE_PARENT != 0;
    let args = CloneArgs {
        flags: u64::from(flags as u32) | libc::CLONE_PIDFD as u64 | CLONE_INTO_CGROUP,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: if parent { 0 } else { libc::SIGCHLD as u64 },
        cgroup: cgroup.as_raw_fd() as u64,
        ..CloneArgs::default()
    };
    // SAFETY: no new stack or memory sharing is asked for, so the child goes on with a copy of this
    // single-threaded process (`SingleThread`), as after fork; `args` and `pidfd` outlive the call.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) })?;
    Ok(outcome(pid, pidfd))
}

fn clone(flags: libc::c_int) -> io::Result<Cloned> {
    let mut pidfd: libc::c_int = -1;
    let signal = if flags & libc::CLONE_PARENT != 0 { 0 } else { libc::SIGCHLD };
    let null = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: as in `clone3`; a null stack means a copy of the caller's.
    let pid = check(unsafe {
        libc::syscall(libc::SYS_clone, libc::c_long::from(flags | signal), null, &raw mut pidfd, null, null)
    })?;
    Ok(outcome(pid, pidfd))
}

fn outcome(pid: libc::c_long, pidfd: libc::c_int) -> Cloned {
    if pid == 0 {
        return Cloned::Child;
    }
    // SAFETY: a descriptor the kernel wrote here is new and ours alone.
    let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
    Cloned::Parent { pid: pid as i32, pidfd }
}
