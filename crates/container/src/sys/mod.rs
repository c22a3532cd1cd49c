//! The system calls that neither std nor rustix wraps: the only unsafe code of this crate.
#![allow(unsafe_code)]

mod bpf;
mod clock;
mod clone;
mod init;
mod mount;
mod net;
mod process;
mod seccomp;
pub(crate) mod shim;

pub(crate) use bpf::{BpfInsn, DeviceProgram};
pub(crate) use clock::{clock_synchronised, local_offset};
pub(crate) use clone::{
    Cloned, SingleThread, clone_into_cgroup_available, clone_process, into_single_thread,
};
pub(crate) use init::{AllSignals, Ended, close_from, reap, send_signal, serve, take_foreground};
pub(crate) use mount::{MountAttr, mount_setattr};
pub(crate) use net::loopback_up;
pub(crate) use process::{
    SchedAttr, close_on_exec_from, close_range_available, execve, exit_now, join_session_keyring,
    reset_signals, set_io_priority, set_memory_policy, set_personality, set_scheduler, setns, unshare,
};
pub(crate) use seccomp::{SeccompFlags, install_filter, seccomp_action_available};

use std::io;

/// Turns a raw system call's result into a `Result`.
fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
