//! `seccomp(2)`.

use std::io;

use super::check;

/// One instruction of a classic BPF program, as the kernel takes it.
pub(crate) type Instruction = crate::seccomp::Instruction;

/// `SECCOMP_FILTER_FLAG_*`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SeccompFlags(pub(crate) u32);

const SET_MODE_FILTER: libc::c_uint = 1;
const GET_ACTION_AVAIL: libc::c_uint = 2;

#[repr(C)]
struct Program {
    length: libc::c_ushort,
    instructions: *const Instruction,
}

/// Puts this process, for good, under `program`.
///
/// # Errors
/// `EACCES` without `CAP_SYS_ADMIN` and without no_new_privs; `EINVAL` for a program the kernel rejects.
pub(crate) fn install_filter(program: &[Instruction], flags: SeccompFlags) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let raw = Program { length, instructions: program.as_ptr() };
    // SAFETY: `raw` describes `program`, which outlives the call; `Instruction` is `struct sock_filter`.
    check(unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags.0, &raw const raw) }).map(drop)
}

/// Whether the kernel knows the filter result `action`.
pub(crate) fn seccomp_action_available(action: u32) -> bool {
    // SAFETY: the kernel reads one u32.
    check(unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAIL, 0, &raw const action) }).is_ok()
}
