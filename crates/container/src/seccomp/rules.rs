//! An OCI profile, sorted by system call number for one architecture.

use std::collections::BTreeMap;

use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompOperator, LinuxSyscall,
};

use super::SeccompError;
use super::arch::Architecture;

/// A test of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Test {
    pub index: u32,
    pub operator: LinuxSeccompOperator,
    pub value: u64,
    /// The value to find under the mask `value`, for `MASKED_EQ`.
    pub masked: u64,
}

/// What happens to one system call: the first alternative whose tests all hold decides, else `otherwise`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Verdict {
    pub alternatives: Vec<(Vec<Test>, u32)>,
    /// `None` is the profile's default action.
    pub otherwise: Option<u32>,
}

/// The calls that `profile` names, by their number on `arch`.
pub(super) type Verdicts = BTreeMap<u32, Verdict>;

/// Sorts the rules of `profile` for `arch`. Names that `arch` does not have are passed over.
pub(super) fn verdicts(profile: &LinuxSeccomp, arch: Architecture) -> Result<Verdicts, SeccompError> {
    let default = default_action(profile)?;
    let mut all = Verdicts::new();
    for rule in profile.syscalls().iter().flatten() {
        let action = action_value(rule.action(), rule.errno_ret())?;
        if action == default {
            continue;
        }
        let alternatives = alternatives(rule)?;
        for number in rule.names().iter().filter_map(|name| arch.number(name)) {
            all.entry(number).or_default().add(&alternatives, action);
        }
    }
    Ok(all)
}

/// The largest number that `profile` names on `arch`, whatever is done about it.
pub(super) fn largest_number(profile: &LinuxSeccomp, arch: Architecture) -> Option<u32> {
    let names = profile.syscalls().iter().flatten().flat_map(LinuxSyscall::names);
    names.filter_map(|name| arch.number(name)).max()
}

/// What the profile does with calls that it does not name.
pub(super) fn default_action(profile: &LinuxSeccomp) -> Result<u32, SeccompError> {
    action_value(profile.default_action(), profile.default_errno_ret())
}

fn action_value(action: LinuxSeccompAction, errno: Option<u32>) -> Result<u32, SeccompError> {
    match action {
        LinuxSeccompAction::ScmpActNotify => Err(SeccompError::Notify),
        _ => match errno {
            Some(data) if data > 0xffff => Err(SeccompError::ErrnoRange(data)),
            _ => Ok(action.as_u32(errno)),
        },
    }
}

impl Verdict {
    fn add(&mut self, alternatives: &[Vec<Test>], action: u32) {
        if alternatives.is_empty() {
            self.otherwise.get_or_insert(action);
        } else {
            self.alternatives.extend(alternatives.iter().map(|tests| (tests.clone(), action)));
        }
    }

    /// The action if no argument matters.
    pub(super) fn constant(&self, default: u32) -> Option<u32> {
        let otherwise = self.otherwise.unwrap_or(default);
        self.alternatives.iter().all(|(_, action)| *action == otherwise).then_some(otherwise)
    }
}

/// The rule's tests. All must hold, except when an argument is tested twice: then each test stands alone, as
/// libseccomp cannot say "and" about one argument and runtimes have always read it so.
fn alternatives(rule: &LinuxSyscall) -> Result<Vec<Vec<Test>>, SeccompError> {
    let tests = rule.args().iter().flatten().map(test).collect::<Result<Vec<_>, _>>()?;
    let twice = tests.iter().enumerate().any(|(at, test)| tests[..at].iter().any(|t| t.index == test.index));
    Ok(match (tests.is_empty(), twice) {
        (true, _) => Vec::new(),
        (false, false) => vec![tests],
        (false, true) => tests.into_iter().map(|test| vec![test]).collect(),
    })
}

fn test(arg: &LinuxSeccompArg) -> Result<Test, SeccompError> {
    let index = arg.index();
    if index > 5 {
        return Err(SeccompError::ArgumentIndex(index));
    }
    let masked = arg.value_two().unwrap_or(0);
    Ok(Test { index: index as u32, operator: arg.op(), value: arg.value(), masked })
}
