//! Classic BPF, as far as seccomp has it.

/// One instruction: the kernel's `struct sock_filter`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions skipped if a jump's condition holds.
    pub yes: u8,
    /// Instructions skipped if it does not.
    pub no: u8,
    /// Operand.
    pub k: u32,
}

pub(super) const LOAD: u16 = 0x20;
pub(super) const AND: u16 = 0x54;
pub(super) const JUMP: u16 = 0x05;
pub(super) const JUMP_EQUAL: u16 = 0x15;
pub(super) const JUMP_GREATER: u16 = 0x25;
pub(super) const JUMP_GREATER_EQUAL: u16 = 0x35;
pub(super) const RETURN: u16 = 0x06;

/// Where `struct seccomp_data` keeps the system call's number.
pub(super) const NUMBER: u32 = 0;
/// Where it keeps the architecture.
pub(super) const ARCHITECTURE: u32 = 4;

/// Where it keeps the low half of argument `index` on a little-endian machine; the high half follows.
pub(super) fn argument(index: u32) -> u32 {
    16 + 8 * index
}

pub(super) fn load(offset: u32) -> Instruction {
    Instruction { code: LOAD, yes: 0, no: 0, k: offset }
}

pub(super) fn give(action: u32) -> Instruction {
    Instruction { code: RETURN, yes: 0, no: 0, k: action }
}

/// `if compare(A, k) { yes } else { no }`, whatever the length of `yes`.
pub(super) fn branch(code: u16, k: u32, yes: Vec<Instruction>, no: Vec<Instruction>) -> Vec<Instruction> {
    let mut program = Vec::with_capacity(yes.len() + no.len() + 2);
    match u8::try_from(yes.len()) {
        Ok(skip) => program.push(Instruction { code, yes: 0, no: skip, k }),
        Err(_) => {
            program.push(Instruction { code, yes: 1, no: 0, k });
            program.push(Instruction { code: JUMP, yes: 0, no: 0, k: yes.len() as u32 });
        }
    }
    program.extend(yes);
    program.extend(no);
    program
}
