//! Profile → BPF.
//!
//! The kernel walks the program at every system call, so neighbouring numbers with one answer are joined to
//! ranges and the ranges found by bisection: Docker's profile takes about seven comparisons for any call.

use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompAction, LinuxSeccompFilterFlag};

use super::SeccompError;
use super::arch::{Architecture, X32_BIT};
use super::condition::block;
use super::instruction::{
    ARCHITECTURE, Instruction, JUMP_EQUAL, JUMP_GREATER_EQUAL, NUMBER, branch, give, load,
};
use super::rules::{Rule, Verdict, default_action, largest_number, rules, verdicts};

const KILL_THREAD: u32 = 0;
const ERRNO: u32 = 0x0005_0000;
const NO_SUCH_CALL: u32 = ERRNO | libc::ENOSYS as u32;
/// The kernel's limit, `BPF_MAXINSNS`.
const LONGEST: usize = 4096;

/// A filter ready for the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// The program.
    pub program: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub flags: u32,
}

/// Compiles an OCI profile.
///
/// Calls whose number is beyond every number that the profile names get `ENOSYS`, so that programs fall back
/// from calls that are newer than the profile; unless the profile's default lets them pass.
pub(crate) fn compile(profile: &LinuxSeccomp) -> Result<Filter, SeccompError> {
    let mut program = vec![load(ARCHITECTURE)];
    program.extend(by_architecture(profile, &architectures(profile))?);
    if program.len() > LONGEST {
        return Err(SeccompError::TooLong(program.len()));
    }
    Ok(Filter { program, flags: flags(profile) })
}

/// The architectures to be let in; the native one always is.
fn architectures(profile: &LinuxSeccomp) -> Vec<Architecture> {
    let named = profile.architectures().iter().flatten().filter_map(|arch| Architecture::from_oci(*arch));
    let mut all: Vec<_> = named.chain([Architecture::NATIVE]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn flags(profile: &LinuxSeccomp) -> u32 {
    profile.flags().iter().flatten().fold(0, |bits, flag| {
        bits | match flag {
            // One thread only: nothing to synchronise.
            LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 0,
            LinuxSeccompFilterFlag::SeccompFilterFlagLog => 2,
            LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => 4,
            // Only means something with a listener.
            LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => 0,
        }
    })
}

fn by_architecture(profile: &LinuxSeccomp, all: &[Architecture]) -> Result<Vec<Instruction>, SeccompError> {
    let calls = Calls {
        rules: rules(profile)?,
        default: default_action(profile)?,
        lets_pass: lets_pass(profile.default_action()),
    };
    let mut program = vec![give(KILL_THREAD)];
    for arch in all.iter().rev().filter(|arch| **arch != Architecture::X32) {
        let mut body = vec![load(NUMBER)];
        let own = calls.by_number(*arch, 0);
        if *arch == Architecture::X86_64 {
            let x32 = match all.contains(&Architecture::X32) {
                true => calls.by_number(Architecture::X32, X32_BIT),
                false => vec![give(KILL_THREAD)],
            };
            body.extend(branch(JUMP_GREATER_EQUAL, X32_BIT, x32, own));
        } else {
            body.extend(own);
        }
        program = branch(JUMP_EQUAL, arch.audit(), body, program);
    }
    Ok(program)
}

/// A profile with its names looked up.
struct Calls {
    rules: Vec<Rule>,
    default: u32,
    lets_pass: bool,
}

/// A run of numbers, from `first` to the next run's, with one answer.
struct Run {
    first: u32,
    verdict: Verdict,
}

impl Calls {
    fn by_number(&self, arch: Architecture, bit: u32) -> Vec<Instruction> {
        let default = self.default;
        let mut runs = vec![Run { first: 0, verdict: Verdict::default() }];
        let mut next = bit;
        for (number, verdict) in verdicts(&self.rules, arch, default) {
            let number = number | bit;
            if number > next {
                push(&mut runs, next, Verdict::default(), default);
            }
            push(&mut runs, number, verdict, default);
            next = number + 1;
        }
        push(&mut runs, next, Verdict::default(), default);
        if let Some(largest) = largest_number(&self.rules, arch).filter(|_| !self.lets_pass) {
            let unknown = Verdict { otherwise: Some(NO_SUCH_CALL), ..Verdict::default() };
            push(&mut runs, (largest | bit) + 1, unknown, default);
        }
        bisect(&runs, default)
    }
}

fn push(runs: &mut Vec<Run>, first: u32, verdict: Verdict, default: u32) {
    let answer = verdict.constant(default);
    match runs.last_mut() {
        Some(last) if answer.is_some() && last.verdict.constant(default) == answer => {}
        Some(last) if last.first == first => last.verdict = verdict,
        _ => runs.push(Run { first, verdict }),
    }
}

fn lets_pass(action: LinuxSeccompAction) -> bool {
    use LinuxSeccompAction::{ScmpActAllow, ScmpActLog, ScmpActTrace};
    matches!(action, ScmpActAllow | ScmpActLog | ScmpActTrace)
}

fn bisect(runs: &[Run], default: u32) -> Vec<Instruction> {
    if let [run] = runs {
        return decide(&run.verdict, default);
    }
    let (below, above) = runs.split_at(runs.len() / 2);
    branch(JUMP_GREATER_EQUAL, above[0].first, bisect(above, default), bisect(below, default))
}

/// Goes through the alternatives of a call, one block after the other.
fn decide(verdict: &Verdict, default: u32) -> Vec<Instruction> {
    let mut program = Vec::new();
    if verdict.constant(default).is_none() {
        program.extend(verdict.alternatives.iter().flat_map(|(tests, action)| block(tests, *action)));
    }
    program.push(give(verdict.otherwise.unwrap_or(default)));
    program
}

#[cfg(test)]
mod tests {
    use oci_spec::runtime::Capability;
    use proptest::prelude::*;

    use super::super::interpreter::{Call, run};
    use super::*;
    use crate::seccomp::default_seccomp;

    const ALLOW: u32 = 0x7fff_0000;
    const EPERM: u32 = ERRNO | 1;

    fn profile(json: &str) -> LinuxSeccomp {
        serde_json::from_str(json).unwrap()
    }

    /// What a profile means, without any of the compiler's machinery.
    fn expected(
        verdicts: &[(u32, Verdict)],
        largest: u32,
        number: u32,
        args: &[u64; 6],
        default: u32,
    ) -> u32 {
        let Some((_, verdict)) = verdicts.iter().find(|(known, _)| *known == number) else {
            return if number > largest { NO_SUCH_CALL } else { default };
        };
        let holds = |test: &crate::seccomp::rules::Test| {
            use oci_spec::runtime::LinuxSeccompOperator as Op;
            let arg = args[test.index as usize];
            match test.operator {
                Op::ScmpCmpEq => arg == test.value,
                Op::ScmpCmpNe => arg != test.value,
                Op::ScmpCmpLt => arg < test.value,
                Op::ScmpCmpLe => arg <= test.value,
                Op::ScmpCmpGt => arg > test.value,
                Op::ScmpCmpGe => arg >= test.value,
                Op::ScmpCmpMaskedEq => arg & test.value == test.masked,
            }
        };
        let hit = verdict.alternatives.iter().find(|(tests, _)| tests.iter().all(holds));
        hit.map_or(verdict.otherwise.unwrap_or(default), |(_, action)| *action)
    }

    fn compare_everywhere(profile: &LinuxSeccomp, args: &[u64; 6]) {
        let filter = compile(profile).unwrap();
        let default = default_action(profile).unwrap();
        for (arch, bit) in [(Architecture::X86_64, 0), (Architecture::X86, 0), (Architecture::X32, X32_BIT)] {
            let rules = rules(profile).unwrap();
            let verdicts = verdicts(&rules, arch, default);
            let largest = largest_number(&rules, arch).unwrap();
            for number in 0..700 {
                let call = Call { number: number | bit, audit: arch.audit(), args: *args };
                let (answer, _) = run(&filter.program, &call);
                assert_eq!(answer, expected(&verdicts, largest, number, args, default), "{arch:?} {number}");
            }
        }
    }

    #[test]
    fn the_default_profile_answers_as_its_table_says_on_every_architecture() {
        for capabilities in [crate::caps::DEFAULT.as_slice(), &[], &[Capability::SysAdmin]] {
            for first in
                [0, 1, 8, 38, 39, 40, 41, 0xffff_ffff, 0x1_0000_0000, 0x1000_0000, 0x7e02_0000, u64::MAX]
            {
                compare_everywhere(&default_seccomp(capabilities), &[first, 0, 0, 0, 0, 0]);
            }
        }
    }

    #[test]
    fn the_default_profile_is_short_and_quick() {
        let filter = compile(&default_seccomp(&crate::caps::DEFAULT)).unwrap();
        assert!(filter.program.len() < 800, "{}", filter.program.len());
        for number in 0..460 {
            let call = Call { number, audit: Architecture::X86_64.audit(), args: [0; 6] };
            let (_, steps) = run(&filter.program, &call);
            assert!(steps <= 40, "{number} takes {steps}");
        }
        let read = Call { number: 0, audit: Architecture::X86_64.audit(), args: [0; 6] };
        assert!(run(&filter.program, &read).1 <= 14);
    }

    #[test]
    fn a_foreign_architecture_is_killed_unless_it_is_named() {
        let filter = compile(&profile(r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#)).unwrap();
        let answer = |number, audit| run(&filter.program, &Call { number, audit, args: [0; 6] }).0;
        assert_eq!(answer(1, Architecture::X86_64.audit()), ALLOW);
        assert_eq!(answer(1, Architecture::X86.audit()), KILL_THREAD);
        assert_eq!(answer(X32_BIT | 1, Architecture::X86_64.audit()), KILL_THREAD);
        assert_eq!(answer(1, Architecture::Aarch64.audit()), KILL_THREAD);
    }

    #[test]
    fn calls_newer_than_the_profile_do_not_exist() {
        let filter = compile(&profile(
            r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","close_range"],"action":"SCMP_ACT_ALLOW"}]}"#,
        ))
        .unwrap();
        let answer = |number| run(&filter.program, &Call { number, audit: 0xc000_003e, args: [0; 6] }).0;
        assert_eq!((answer(0), answer(1), answer(436), answer(437)), (ALLOW, EPERM, ALLOW, NO_SUCH_CALL));
    }

    #[test]
    fn an_argument_tested_twice_means_either() {
        let filter = compile(&profile(
            r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["kill"],"action":"SCMP_ACT_ALLOW","args":[
                {"index":1,"value":9,"op":"SCMP_CMP_EQ"},{"index":1,"value":15,"op":"SCMP_CMP_EQ"}]}]}"#,
        ))
        .unwrap();
        let answer = |signal| {
            run(&filter.program, &Call { number: 62, audit: 0xc000_003e, args: [0, signal, 0, 0, 0, 0] }).0
        };
        assert_eq!((answer(9), answer(15), answer(10)), (ALLOW, ALLOW, EPERM));
    }

    #[test]
    fn many_alternatives_do_not_grow_out_of_hand() {
        let tests: Vec<_> = (0..200)
            .map(|n| format!(r#"{{"names":["ioctl"],"action":"SCMP_ACT_ALLOW","args":[{{"index":1,"value":{n},"op":"SCMP_CMP_NE"}}]}}"#))
            .collect();
        let json = format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{}]}}"#, tests.join(","));
        assert!(compile(&profile(&json)).unwrap().program.len() < 1500);
    }

    proptest! {
        #[test]
        fn conditions_mean_the_same_compiled(
            tests in proptest::collection::vec((0u32..6, 0usize..7, any::<u64>(), 0usize..3), 1..5),
            seed in any::<[u64; 6]>(),
        ) {
            let operators = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
            let rules: Vec<_> = tests.iter().map(|(index, op, value, _)| format!(
                r#"{{"names":["mmap"],"action":"SCMP_ACT_ALLOW","args":[
                    {{"index":{index},"value":{value},"valueTwo":{value},"op":"SCMP_CMP_{}"}},
                    {{"index":{},"value":{},"op":"SCMP_CMP_GT"}}]}}"#,
                operators[*op], (index + 1) % 6, value / 2)).collect();
            let json = format!(
                r#"{{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],"syscalls":[{}]}}"#,
                rules.join(","));
            // Arguments that are near the values tested, not just anywhere.
            let mut args = seed;
            for (index, _, value, near) in &tests {
                args[*index as usize] = match near { 0 => *value, 1 => value.wrapping_add(1), _ => args[*index as usize] };
            }
            compare_everywhere(&profile(&json), &args);
        }
    }
}
