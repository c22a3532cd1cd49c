//! Signals and children, for the built-in init.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Signals that this process has blocked, to take them one by one.
#[derive(Debug)]
pub(crate) struct AllSignals {
    set: libc::sigset_t,
}

/// How a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// Signals that a process brings upon itself, and those of job control that an init must not swallow.
const LEFT_ALONE: [libc::c_int; 9] = [
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

impl AllSignals {
    /// Blocks all signals that are to be handed on.
    pub(crate) fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `sigfillset` initialises the set; the other calls only change or read it.
        unsafe {
            libc::sigfillset(set.as_mut_ptr());
            for signal in LEFT_ALONE {
                libc::sigdelset(set.as_mut_ptr(), signal);
            }
            let set = set.assume_init();
            match libc::sigprocmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut()) {
                0 => Ok(Self { set }),
                _ => Err(io::Error::last_os_error()),
            }
        }
    }

    /// For the child: it gets its signals as a new process does.
    pub(crate) fn unblock(&self) {
        super::reset_signals();
    }

    /// Waits for the next one.
    pub(crate) fn next(&self) -> libc::c_int {
        loop {
            // SAFETY: the set is valid, nothing is written.
            let signal = unsafe { libc::sigwaitinfo(&raw const self.set, ptr::null_mut()) };
            if signal > 0 {
                return signal;
            }
        }
    }
}

/// Sends `signal` to `pid`; a process that is gone needs none.
pub(crate) fn send_signal(pid: i32, signal: libc::c_int) {
    // SAFETY: plain integers.
    unsafe { libc::kill(pid, signal) };
}

/// Reaps one child that has ended; `None` if there is none now.
pub(crate) fn reap() -> Option<(i32, Ended)> {
    let mut status = 0;
    // SAFETY: `status` is valid for the call.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    if pid <= 0 {
        return None;
    }
    let ended = match libc::WIFEXITED(status) {
        true => Ended::Exited(libc::WEXITSTATUS(status)),
        false => Ended::Killed(libc::WTERMSIG(status)),
    };
    Some((pid, ended))
}

/// Makes this process the leader of a group in the foreground of its terminal, if it has one.
pub(crate) fn take_foreground() {
    // SAFETY: plain integers; without a terminal the second call fails, which is right. SIGTTOU is ignored for
    // its duration: a background process that asks for the foreground would be stopped by it.
    unsafe {
        libc::setpgid(0, 0);
        libc::signal(libc::SIGTTOU, libc::SIG_IGN);
        libc::tcsetpgrp(0, libc::getpgrp());
        libc::signal(libc::SIGTTOU, libc::SIG_DFL);
    }
}

/// Closes every descriptor from `first` on. Owners of those must not use or drop them any more.
pub(crate) fn close_from(first: libc::c_uint) {
    // SAFETY: only called by a process that never returns to whatever owned the descriptors.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if closed < 0 {
        for fd in first..1024 {
            // SAFETY: as above.
            unsafe { libc::close(fd as libc::c_int) };
        }
    }
}

/// Gives back the memory that an init does not need: the heap, and the stack below its own frame.
///
/// # Safety
/// Nothing on the heap may be used, allocated or freed afterwards, and the caller may not return.
unsafe fn forget_memory() {
    unsafe extern "C" {
        /// Where the linker ends the program's data; the heap is above it.
        static _end: u8;
    }
    const PAGE: usize = 4096;
    const DEEPEST: usize = 256 * 1024;
    let round = |address: usize| address.div_ceil(PAGE) * PAGE;
    let here = 0u8;
    let frame = round((&raw const here) as usize) - 4 * PAGE;
    // SAFETY: addresses only; the first range is the heap (and a hole before it), the second is stack that no
    // frame uses. What is not mapped in them is passed over. That nothing there is used is the caller's promise.
    unsafe {
        let heap = round((&raw const _end) as usize);
        let top = libc::sbrk(0) as usize;
        if top > heap {
            libc::madvise(heap as *mut libc::c_void, top - heap, libc::MADV_DONTNEED);
        }
        libc::madvise((frame - DEEPEST) as *mut libc::c_void, DEEPEST, libc::MADV_DONTNEED);
    }
}

/// The built-in init's life: hands signals on to `child`, buries the dead, and ends as `child` does.
pub(crate) fn serve(child: i32, signals: AllSignals) -> ! {
    // SAFETY: nothing below uses the heap, and this function does not return.
    unsafe { forget_memory() };
    loop {
        match signals.next() {
            libc::SIGCHLD => bury(child),
            signal => send_signal(child, signal),
        }
    }
}

/// Reaps all that have ended, and ends as `child` did if it is among them.
fn bury(child: i32) {
    let mut result = None;
    while let Some((pid, ended)) = reap() {
        if pid == child {
            result = Some(match ended {
                Ended::Exited(status) => status,
                Ended::Killed(signal) => 128 + signal,
            });
        }
    }
    if let Some(status) = result {
        super::exit_now(status);
    }
}
