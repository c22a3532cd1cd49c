//! A machine for seccomp programs, for tests.

use super::instruction::{
    AND, Instruction, JUMP, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL, LOAD, RETURN,
};

/// A system call as a filter sees it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Call {
    pub number: u32,
    pub audit: u32,
    pub args: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.audit,
            16..=60 => {
                let arg = self.args[(offset as usize - 16) / 8];
                if offset.is_multiple_of(8) { arg as u32 } else { (arg >> 32) as u32 }
            }
            _ => panic!("load from {offset}"),
        }
    }
}

/// The program's answer and the number of instructions it took.
pub(super) fn run(program: &[Instruction], call: &Call) -> (u32, usize) {
    let (mut at, mut accumulator, mut steps) = (0, 0u32, 0);
    loop {
        let Instruction { code, yes, no, k } = program[at];
        at += 1;
        steps += 1;
        let holds = match code {
            RETURN => return (k, steps),
            LOAD => {
                accumulator = call.word(k);
                continue;
            }
            AND => {
                accumulator &= k;
                continue;
            }
            JUMP => {
                at += k as usize;
                continue;
            }
            JUMP_EQUAL => accumulator == k,
            JUMP_GREATER => accumulator > k,
            JUMP_GREATER_EQUAL => accumulator >= k,
            other => panic!("operation {other:#x}"),
        };
        at += usize::from(if holds { yes } else { no });
    }
}
