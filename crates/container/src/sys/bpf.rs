//! `bpf(2)`, as far as a v2 control group's device filter needs it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// One eBPF instruction, as the kernel takes it (`struct bpf_insn`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BpfInsn {
    /// Operation.
    pub code: u8,
    /// Destination register in the low, source register in the high four bits.
    pub registers: u8,
    /// Jump or memory offset.
    pub offset: i16,
    /// Immediate value.
    pub immediate: i32,
}

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const PROG_QUERY: libc::c_int = 16;
const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_TYPE_CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 2;

/// A device filter that the kernel has accepted.
#[derive(Debug)]
pub(crate) struct DeviceProgram(OwnedFd);

#[repr(C)]
#[derive(Default)]
struct LoadAttr {
    prog_type: u32,
    insn_count: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct AttachAttr {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct QueryAttr {
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
}

fn bpf<T>(command: libc::c_int, attr: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: `attr` is a prefix of `union bpf_attr`, valid for its size; pointers inside are the callers' care.
    check(unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attr, size_of::<T>()) })
}

impl DeviceProgram {
    /// Hands `instructions` to the kernel's verifier.
    pub(crate) fn load(instructions: &[BpfInsn]) -> io::Result<Self> {
        let mut attr = LoadAttr {
            prog_type: PROG_TYPE_CGROUP_DEVICE,
            insn_count: instructions.len() as u32,
            insns: instructions.as_ptr() as u64,
            license: c"Apache".as_ptr() as u64,
            ..LoadAttr::default()
        };
        let fd = bpf(PROG_LOAD, &mut attr)?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }))
    }

    /// Makes the filter decide for the group `dir`, beside those of groups above it.
    pub(crate) fn attach(&self, dir: BorrowedFd<'_>) -> io::Result<()> {
        let mut attr = AttachAttr {
            target: dir.as_raw_fd() as u32,
            program: self.0.as_raw_fd() as u32,
            attach_type: ATTACH_TYPE_CGROUP_DEVICE,
            flags: ALLOW_MULTI,
        };
        bpf(PROG_ATTACH, &mut attr).map(drop)
    }

    /// Takes the filter away from the group `dir`.
    pub(crate) fn detach(&self, dir: BorrowedFd<'_>) -> io::Result<()> {
        let mut attr = AttachAttr {
            target: dir.as_raw_fd() as u32,
            program: self.0.as_fd().as_raw_fd() as u32,
            attach_type: ATTACH_TYPE_CGROUP_DEVICE,
            flags: 0,
        };
        bpf(PROG_DETACH, &mut attr).map(drop)
    }

    /// The filters attached to the group `dir` itself.
    pub(crate) fn attached(dir: BorrowedFd<'_>) -> io::Result<Vec<Self>> {
        let mut ids = [0u32; 64];
        let mut attr = QueryAttr {
            target: dir.as_raw_fd() as u32,
            attach_type: ATTACH_TYPE_CGROUP_DEVICE,
            ids: ids.as_mut_ptr() as u64,
            count: ids.len() as u32,
            ..QueryAttr::default()
        };
        bpf(PROG_QUERY, &mut attr)?;
        ids.iter().take(attr.count as usize).map(|id| Self::by_id(*id)).collect()
    }

    fn by_id(id: u32) -> io::Result<Self> {
        let mut attr = [id, 0, 0];
        let fd = bpf(PROG_GET_FD_BY_ID, &mut attr)?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }))
    }
}
