//! The device allowlist as an eBPF program, for v2.
//!
//! The kernel asks it for each access with the kind of device and of access, the major and the minor number.

use super::devices::{Access, DeviceList, Devices};
use crate::sys::BpfInsn;

const LOAD_WORD: u8 = 0x61;
const AND_32: u8 = 0x54;
const SHIFT_RIGHT_32: u8 = 0x74;
const MOVE_32: u8 = 0xbc;
const SET: u8 = 0xb7;
const JUMP_EQUAL: u8 = 0x15;
const JUMP_NOT_EQUAL: u8 = 0x55;
const JUMP_REGISTERS_DIFFER: u8 = 0x5d;
const EXIT: u8 = 0x95;

/// Registers: the answer, the question, and what is taken out of it.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

const BLOCK: i32 = 1;
const CHARACTER: i32 = 2;

/// The program that answers as `list` says.
pub(super) fn program(list: &DeviceList) -> Vec<BpfInsn> {
    let mut program = vec![
        insn(LOAD_WORD, KIND, CONTEXT, 0, 0),
        insn(AND_32, KIND, 0, 0, 0xffff),
        insn(LOAD_WORD, ACCESS, CONTEXT, 0, 0),
        insn(SHIFT_RIGHT_32, ACCESS, 0, 0, 16),
        insn(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
        insn(LOAD_WORD, MINOR, CONTEXT, 8, 0),
    ];
    for (devices, access) in &list.exceptions {
        program.extend(exception(devices, *access, !list.allow_others));
    }
    program.extend(answer(list.allow_others));
    program
}

fn insn(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> BpfInsn {
    BpfInsn { code, registers: destination | source << 4, offset, immediate }
}

fn answer(allow: bool) -> [BpfInsn; 2] {
    [insn(SET, ANSWER, 0, 0, i32::from(allow)), insn(EXIT, 0, 0, 0, 0)]
}

/// Answers `allow` for `devices`, and goes on behind itself for others.
///
/// An exception that allows must cover all of the access asked for, one that denies any of it.
fn exception(devices: &Devices, access: Access, allow: bool) -> Vec<BpfInsn> {
    let kind = if devices.block { BLOCK } else { CHARACTER };
    let mut tests = vec![insn(JUMP_NOT_EQUAL, KIND, 0, 0, kind)];
    if access != 7 {
        tests.push(insn(MOVE_32, CONTEXT, ACCESS, 0, 0));
        tests.push(insn(AND_32, CONTEXT, 0, 0, i32::from(access)));
        tests.push(match allow {
            true => insn(JUMP_REGISTERS_DIFFER, CONTEXT, ACCESS, 0, 0),
            false => insn(JUMP_EQUAL, CONTEXT, 0, 0, 0),
        });
    }
    for (register, number) in [(MAJOR, devices.major), (MINOR, devices.minor)] {
        tests.extend(number.map(|number| insn(JUMP_NOT_EQUAL, register, 0, 0, number as i32)));
    }
    let total = tests.len() + 2;
    for (at, test) in tests.iter_mut().enumerate() {
        if matches!(test.code, JUMP_EQUAL | JUMP_NOT_EQUAL | JUMP_REGISTERS_DIFFER) {
            test.offset = (total - at - 1) as i16;
        }
    }
    tests.extend(answer(allow));
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program of the handful of operations above.
    fn run(program: &[BpfInsn], kind: u32, access: u32, major: u32, minor: u32) -> bool {
        let context = [kind | access << 16, major, minor];
        let (mut registers, mut at) = ([0u64; 11], 0usize);
        loop {
            let BpfInsn { code, registers: pair, offset, immediate } = program[at];
            let (to, from) = (usize::from(pair & 15), usize::from(pair >> 4));
            at += 1;
            let jump = match code {
                LOAD_WORD => {
                    registers[to] = u64::from(context[offset as usize / 4]);
                    false
                }
                AND_32 => {
                    registers[to] = u64::from(registers[to] as u32 & immediate as u32);
                    false
                }
                SHIFT_RIGHT_32 => {
                    registers[to] = u64::from(registers[to] as u32 >> immediate);
                    false
                }
                MOVE_32 => {
                    registers[to] = u64::from(registers[from] as u32);
                    false
                }
                SET => {
                    registers[to] = immediate as u64;
                    false
                }
                JUMP_EQUAL => registers[to] == immediate as u64,
                JUMP_NOT_EQUAL => registers[to] != immediate as u64,
                JUMP_REGISTERS_DIFFER => registers[to] != registers[from],
                EXIT => return registers[0] == 1,
                other => panic!("operation {other:#x}"),
            };
            if jump {
                at += offset as usize;
            }
        }
    }

    fn list(json: &str) -> DeviceList {
        DeviceList::from_rules(&serde_json::from_str::<Vec<_>>(json).unwrap())
    }

    const CHAR: u32 = CHARACTER as u32;
    const BLK: u32 = BLOCK as u32;

    #[test]
    fn the_default_list_lets_use_null_and_make_any_node() {
        let program = program(&list("[]"));
        assert!(run(&program, CHAR, 2 | 4, 1, 3));
        assert!(run(&program, CHAR, 1, 4, 64) && run(&program, BLK, 1, 8, 0));
        assert!(!run(&program, CHAR, 2, 4, 64) && !run(&program, BLK, 2, 8, 0));
        assert!(!run(&program, BLK, 1 | 2, 8, 0), "making the node does not let read it");
        assert!(run(&program, CHAR, 6, 136, 77));
    }

    #[test]
    fn an_exception_that_allows_must_cover_the_whole_access() {
        let program = program(&list(r#"[{"allow":true,"type":"b","major":8,"minor":0,"access":"r"}]"#));
        assert!(run(&program, BLK, 2, 8, 0));
        assert!(
            !run(&program, BLK, 4, 8, 0) && !run(&program, BLK, 2 | 4, 8, 0) && !run(&program, BLK, 2, 8, 1)
        );
    }

    #[test]
    fn an_exception_that_denies_stops_any_part_of_an_access() {
        let program = program(&list(
            r#"[{"allow":true,"access":"rwm"},{"allow":false,"type":"b","major":8,"access":"w"}]"#,
        ));
        assert!(run(&program, BLK, 2, 8, 5) && run(&program, CHAR, 7, 200, 1));
        assert!(!run(&program, BLK, 4, 8, 5) && !run(&program, BLK, 2 | 4, 8, 5));
    }
}
