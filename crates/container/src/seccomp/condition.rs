//! Tests of arguments → BPF.

use oci_spec::runtime::LinuxSeccompOperator as Operator;

use super::instruction::{
    AND, Instruction, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL, LOAD, argument, give,
};
use super::rules::Test;

/// Where a conditional jump leads.
#[derive(Debug, Clone, Copy)]
enum Goto {
    /// The next instruction.
    Next,
    /// Behind this test: it holds.
    Holds,
    /// Behind the block: the test fails.
    Fails,
}

use Goto::{Fails, Holds, Next};

type Step = (u16, u32, Goto, Goto);

/// Code that returns `action` if all `tests` hold, and else goes on behind itself.
pub(super) fn block(tests: &[Test], action: u32) -> Vec<Instruction> {
    let steps: Vec<Vec<Step>> = tests.iter().map(steps).collect();
    let total = steps.iter().map(Vec::len).sum::<usize>() + 1;
    let mut program = Vec::with_capacity(total);
    for test in &steps {
        let end = program.len() + test.len();
        for (code, k, yes, no) in test {
            let at = program.len();
            let resolve = |goto: &Goto| match goto {
                Next => 0,
                Holds => (end - at - 1) as u8,
                Fails => (total - at - 1) as u8,
            };
            program.push(Instruction { code: *code, yes: resolve(yes), no: resolve(no), k: *k });
        }
    }
    program.push(give(action));
    program
}

/// A test of a 64-bit argument by its halves.
fn steps(test: &Test) -> Vec<Step> {
    let compare = |last, holds, fails| ordered(test.index, test.value, last, holds, fails);
    match test.operator {
        Operator::ScmpCmpEq => masked(test.index, test.value, u64::MAX, Holds, Fails),
        Operator::ScmpCmpNe => masked(test.index, test.value, u64::MAX, Fails, Holds),
        Operator::ScmpCmpMaskedEq => masked(test.index, test.masked, test.value, Holds, Fails),
        Operator::ScmpCmpGt => compare(JUMP_GREATER, Holds, Fails),
        Operator::ScmpCmpGe => compare(JUMP_GREATER_EQUAL, Holds, Fails),
        Operator::ScmpCmpLe => compare(JUMP_GREATER, Fails, Holds),
        Operator::ScmpCmpLt => compare(JUMP_GREATER_EQUAL, Fails, Holds),
    }
}

fn high(value: u64) -> u32 {
    (value >> 32) as u32
}

fn low(value: u64) -> u32 {
    value as u32
}

fn masked(index: u32, value: u64, mask: u64, same: Goto, other: Goto) -> Vec<Step> {
    vec![
        (LOAD, argument(index) + 4, Next, Next),
        (AND, high(mask), Next, Next),
        (JUMP_EQUAL, high(value), Next, other),
        (LOAD, argument(index), Next, Next),
        (AND, low(mask), Next, Next),
        (JUMP_EQUAL, low(value), same, other),
    ]
}

/// `last` compares the low halves when the high ones are the same.
fn ordered(index: u32, value: u64, last: u16, above: Goto, below: Goto) -> Vec<Step> {
    vec![
        (LOAD, argument(index) + 4, Next, Next),
        (JUMP_GREATER, high(value), above, Next),
        (JUMP_EQUAL, high(value), Next, below),
        (LOAD, argument(index), Next, Next),
        (last, low(value), above, below),
    ]
}
