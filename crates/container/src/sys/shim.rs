//! The system calls of the shim that no safe wrapper exists for.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Blocks the signals that are sent to a whole session or told to a parent, and makes them readable.
pub(crate) fn block_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by `sigemptyset` before any other use.
    let fd = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGCHLD, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Closes every descriptor but the three standard streams. To be called before any other is opened.
pub(crate) fn close_inherited() {
    const FIRST: RawFd = 3;
    // SAFETY: nothing in this process owns a descriptor from 3 on yet.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) } == 0;
    if !closed {
        // SAFETY: as above; kernels before 5.9.
        (FIRST..1024).for_each(|fd| unsafe {
            libc::close(fd);
        });
    }
}

/// Gives the heap's free pages back to the kernel.
pub(crate) fn trim_heap() {
    // SAFETY: touches only memory that the allocator knows to be free.
    unsafe { libc::malloc_trim(0) };
}

/// Sends any signal, also those without a name.
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    if pid <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: plain integers; `pid` names one process.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
