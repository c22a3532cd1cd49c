//! An OCI profile, sorted by system call number for one architecture.

use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompOperator, LinuxSyscall,
};

use super::SeccompError;
use super::arch::{Architecture, Numbers, numbers};

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

/// A rule with its names looked up.
#[derive(Debug)]
pub(super) struct Rule {
    calls: Vec<&'static Numbers>,
    alternatives: Vec<Vec<Test>>,
    action: u32,
}

/// Looks up the rules of `profile`. Names that no architecture has are passed over.
pub(super) fn rules(profile: &LinuxSeccomp) -> Result<Vec<Rule>, SeccompError> {
    let rule = |rule: &LinuxSyscall| {
        Ok(Rule {
            calls: rule.names().iter().filter_map(|name| numbers(name)).collect(),
            alternatives: alternatives(rule)?,
            action: action_value(rule.action(), rule.errno_ret())?,
        })
    };
    profile.syscalls().iter().flatten().map(rule).collect()
}

/// What is to be done about the calls that `rules` name on `arch`, by their numbers in ascending order. Rules that
/// say what the `default` is say nothing.
pub(super) fn verdicts(rules: &[Rule], arch: Architecture, default: u32) -> Vec<(u32, Verdict)> {
    let mut all: Vec<(u32, &Rule)> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.action != default) {
        all.extend(rule.calls.iter().filter_map(|call| Some((arch.number_in(call)?, rule))));
    }
    // Stable: the rules of one call stay in their order.
    all.sort_by_key(|(number, _)| *number);
    let mut verdicts: Vec<(u32, Verdict)> = Vec::with_capacity(all.len());
    for (number, rule) in all {
        if verdicts.last().is_none_or(|(last, _)| *last != number) {
            verdicts.push((number, Verdict::default()));
        }
        if let Some((_, verdict)) = verdicts.last_mut() {
            verdict.add(&rule.alternatives, rule.action);
        }
    }
    verdicts
}

/// The largest number that `rules` name on `arch`, whatever is done about it.
pub(super) fn largest_number(rules: &[Rule], arch: Architecture) -> Option<u32> {
    rules.iter().flat_map(|rule| &rule.calls).filter_map(|call| arch.number_in(call)).max()
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
