//! Which steps can be taken when.

use super::super::plan::{Action, Plan, StepId};
use std::collections::BTreeSet;

/// Which steps are ready.
pub(super) struct Schedule {
    /// Steps that must be done before each.
    missing: Vec<BTreeSet<StepId>>,
    waiting: BTreeSet<StepId>,
}

impl Schedule {
    pub(super) fn new(plan: &Plan) -> Self {
        let missing = plan.steps.iter().map(|step| step.after.iter().copied().collect()).collect();
        Self { missing, waiting: (0..plan.steps.len()).collect() }
    }

    /// The steps that can be taken now. Networks that go away go together: that costs little more than one.
    pub(super) fn take_ready(&mut self, plan: &Plan) -> Vec<Vec<StepId>> {
        let ready: Vec<StepId> =
            self.waiting.iter().copied().filter(|id| self.missing[*id].is_empty()).collect();
        for id in &ready {
            self.waiting.remove(id);
        }
        let is_removal = |id: &StepId| matches!(plan.steps[*id].action, Action::RemoveNetwork { .. });
        let (networks, others): (Vec<StepId>, Vec<StepId>) = ready.into_iter().partition(is_removal);
        let networks = if networks.is_empty() { None } else { Some(networks) };
        others.into_iter().map(|id| vec![id]).chain(networks).collect()
    }

    pub(super) fn done(&mut self, id: StepId) {
        for missing in &mut self.missing {
            missing.remove(&id);
        }
    }

    /// Takes out what cannot be done any more; returns those steps.
    pub(super) fn failed(&mut self, plan: &Plan, id: StepId) -> Vec<StepId> {
        let mut lost = BTreeSet::from([id]);
        // Steps come after those they need, so one pass finds all.
        for (later, step) in plan.steps.iter().enumerate().skip(id) {
            if self.waiting.contains(&later) && step.after.iter().any(|after| lost.contains(after)) {
                lost.insert(later);
                self.waiting.remove(&later);
            }
        }
        lost.remove(&id);
        lost.into_iter().collect()
    }

    pub(super) fn is_unfinished(&self) -> bool {
        !self.waiting.is_empty()
    }
}
