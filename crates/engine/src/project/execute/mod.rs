//! Taking the steps of a plan, as many at a time as their order allows.

mod membership;
mod requests;
mod schedule;
mod steps;

use super::observed::Observed;
use super::options::{DownOptions, UpOptions};
use super::plan::{Plan, Slot};
use super::run::Teller;
use crate::spec::EndpointSpec;
use crate::{Engine, chain, error::EngineError};
use compose::model::Project;
pub(super) use requests::linked;
use schedule::Schedule;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Takes the steps of one plan.
pub(super) struct Execution {
    shared: Arc<Shared>,
}

/// What every step may need.
struct Shared {
    engine: Engine,
    /// None for `down`, whose steps need none.
    project: Option<Project>,
    /// What there was when the plan was made.
    observed: Observed,
    teller: Teller,
    stop_timeout: Option<i64>,
    wait_deadline: Option<Instant>,
    /// The containers of places, those made meanwhile included.
    containers: Mutex<BTreeMap<Slot, String>>,
    /// Containers that are replaced: what happens to them is told under the new one's name.
    replaced: Mutex<BTreeSet<String>>,
    /// Places in networks that containers left, until they are put back: by id of the container and name of the network.
    left: Mutex<BTreeMap<(String, String), EndpointSpec>>,
}

/// Why a step was not taken to its end.
enum StepError {
    /// What is told to the user.
    Failed(String),
}

impl From<EngineError> for StepError {
    fn from(error: EngineError) -> Self {
        Self::Failed(chain(&error))
    }
}

impl Execution {
    pub(super) fn of_up(
        engine: &Engine,
        project: &Project,
        options: &UpOptions,
        observed: Observed,
        teller: &Teller,
    ) -> Self {
        let deadline = options.wait_timeout_s.filter(|_| options.wait);
        Self::new(Shared {
            engine: engine.clone(),
            project: Some(project.clone()),
            observed,
            teller: teller.clone(),
            stop_timeout: options.timeout_s,
            wait_deadline: deadline.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            containers: Mutex::default(),
            replaced: Mutex::default(),
            left: Mutex::default(),
        })
    }

    pub(super) fn of_down(engine: &Engine, options: &DownOptions, teller: &Teller) -> Self {
        Self::new(Shared {
            engine: engine.clone(),
            project: None,
            observed: Observed::default(),
            teller: teller.clone(),
            stop_timeout: options.timeout_s,
            wait_deadline: None,
            containers: Mutex::default(),
            replaced: Mutex::default(),
            left: Mutex::default(),
        })
    }

    fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Takes the steps; returns the problems, each in one sentence. What does not depend on a failed step goes on.
    pub(super) async fn run(self, plan: Plan) -> Vec<String> {
        let shared = &self.shared;
        *lock(&shared.containers) =
            plan.kept.iter().map(|(slot, kept)| (slot.clone(), kept.id.clone())).collect();
        *lock(&shared.replaced) = plan.replaced_ids();
        let mut schedule = Schedule::new(&plan);
        let mut problems = Vec::new();
        let mut running = JoinSet::new();
        loop {
            if !shared.teller.is_cancelled() {
                for batch in schedule.take_ready(&plan) {
                    let (shared, actions) =
                        (Arc::clone(shared), batch.iter().map(|id| plan.steps[*id].action.clone()).collect());
                    running.spawn(async move { (batch, shared.take(actions).await) });
                }
            }
            match running.join_next().await {
                Some(Ok((batch, Ok(())))) => batch.iter().for_each(|id| schedule.done(*id)),
                Some(Ok((batch, Err(StepError::Failed(problem))))) => {
                    problems.push(problem);
                    for id in batch {
                        for skipped in schedule.failed(&plan, id) {
                            shared.tell(&plan.steps[skipped].action, "skipped").await;
                        }
                    }
                }
                Some(Err(error)) => problems.push(format!("a step broke off: {error}")),
                None if shared.teller.is_cancelled() && schedule.is_unfinished() => {
                    problems.push("it was interrupted; what was done stays".to_owned());
                    return problems;
                }
                None => return problems,
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
