//! What a process does to itself before it becomes the user's program.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use super::check;

/// Joins the namespace(s) behind `fd`; `kinds` are `CLONE_NEW…` flags, several only with a process descriptor.
pub(crate) fn setns(fd: BorrowedFd<'_>, kinds: libc::c_int) -> io::Result<()> {
    // SAFETY: plain integers.
    check(unsafe { libc::syscall(libc::SYS_setns, fd.as_raw_fd(), kinds) }).map(drop)
}

/// Leaves the namespaces `kinds` (`CLONE_NEW…`) for new ones; `CLONE_FS` gives this thread root and working directories
/// of its own.
pub(crate) fn unshare(kinds: libc::c_int) -> io::Result<()> {
    // SAFETY: `CLONE_FILES`, with which descriptors could close behind their owners' backs, is never passed here.
    check(unsafe { libc::syscall(libc::SYS_unshare, kinds) }).map(drop)
}

/// Marks every descriptor from `first` on to be closed by `exec`.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    // SAFETY: sets a flag on descriptors, closes none.
    let answer =
        check(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC) });
    match answer {
        Err(_) => close_on_exec_one_by_one(first),
        Ok(_) => Ok(()),
    }
}

/// Whether the kernel has `close_range`.
pub(crate) fn close_range_available() -> bool {
    // SAFETY: an empty range (its end before its beginning) closes nothing: EINVAL from kernels that have the call.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, libc::c_uint::MAX, 0, 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}

/// For kernels before 5.11: walks `/proc/self/fd`.
fn close_on_exec_one_by_one(first: u32) -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(fd) = entry?.file_name().to_str().and_then(|name| name.parse::<libc::c_int>().ok()) else {
            continue;
        };
        if fd >= 0 && fd as u32 >= first {
            // SAFETY: changes a flag of a descriptor by number; one that is gone meanwhile answers EBADF.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

/// Sets every signal to its default action and unblocks them all.
///
/// By the bare system call: the C library keeps its own two real-time signals to itself, and its
/// `posix_spawn` leaves them ignored in this process.
pub(crate) fn reset_signals() {
    const SIGNALS: libc::c_long = 64;
    // The kernel's `struct sigaction` on every architecture: all zero is SIG_DFL without flags and mask.
    let default = [0_u64; 4];
    for signal in 1..=SIGNALS {
        // SAFETY: `default` is as long as the kernel reads; SIG_DFL installs no code. Signals that may not be
        // changed answer EINVAL.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                ptr::null_mut::<u64>(),
                SIGNALS / 8,
            );
        }
    }
    // SAFETY: the set is initialised before it is used.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// Executes `program`; returns only on failure.
pub(crate) fn execve(program: &CString, args: &[CString], env: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|item| item.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(args), pointers(env));
    // SAFETY: NUL-terminated arrays of NUL-terminated strings that outlive the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends this process without running destructors or exit handlers of the process it was cloned from.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: never returns, touches no memory.
    unsafe { libc::_exit(status) }
}

/// Gives the process a session keyring of its own, named `name`.
pub(crate) fn join_session_keyring(name: &CString) -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: `name` is a valid string.
    check(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr()) }).map(drop)
}

/// Sets the execution domain (`PER_LINUX32`, …).
pub(crate) fn set_personality(domain: u32) -> io::Result<()> {
    // SAFETY: plain integer.
    check(unsafe { libc::syscall(libc::SYS_personality, libc::c_ulong::from(domain)) }).map(drop)
}

/// Sets the I/O priority of this process: class 1 to 3, level 0 to 7.
pub(crate) fn set_io_priority(class: u32, level: u32) -> io::Result<()> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    let value = (class << 13) | level;
    // SAFETY: plain integers.
    check(unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) }).map(drop)
}

/// `struct sched_attr` of the kernel, without utilisation clamps.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SchedAttr {
    pub size: u32,
    pub policy: u32,
    pub flags: u64,
    pub nice: i32,
    pub priority: u32,
    pub runtime: u64,
    pub deadline: u64,
    pub period: u64,
}

/// Sets the scheduling policy of this process.
pub(crate) fn set_scheduler(attr: SchedAttr) -> io::Result<()> {
    let attr = SchedAttr { size: size_of::<SchedAttr>() as u32, ..attr };
    // SAFETY: `attr` is valid for the call and says its own size.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) }).map(drop)
}

/// Sets the memory policy of this process for the nodes in `mask` (bit n is node n).
pub(crate) fn set_memory_policy(mode: u32, mask: &[libc::c_ulong]) -> io::Result<()> {
    let bits = if mask.is_empty() { 0 } else { size_of_val(mask) * 8 + 1 };
    // SAFETY: the kernel reads at most `bits - 1` bits of `mask`.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, mask.as_ptr(), bits) }).map(drop)
}
