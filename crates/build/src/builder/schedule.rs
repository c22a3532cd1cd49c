//! Stages that do not need each other are built at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::session::Session;
use super::stage;
use super::state::State;
use crate::error::BuildError;

/// The stages that are finished.
#[derive(Debug, Default)]
pub(super) struct Done(Mutex<BTreeMap<usize, Arc<State>>>);

impl Done {
    pub(super) fn get(&self, index: usize) -> Option<Arc<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned()
    }

    fn insert(&self, index: usize, state: State) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(index, Arc::new(state));
    }

    /// All of them, by the number of the stage.
    pub(super) fn all(&self) -> BTreeMap<usize, Arc<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the threads share.
#[derive(Debug, Default)]
struct Progress {
    waiting: BTreeSet<usize>,
    running: usize,
    failed: Option<BuildError>,
}

struct Schedule<'a, 's> {
    session: &'a Session<'s>,
    done: &'a Done,
    progress: Mutex<Progress>,
    changed: Condvar,
}

/// Builds all stages that are needed, as many at once as there are processors, and at least two: one may wait for a
/// disk or a network.
///
/// # Errors
/// The first failure; it stops the other stages.
pub(super) fn build_all(session: &Session<'_>) -> Result<Done, BuildError> {
    let done = Done::default();
    let waiting: BTreeSet<usize> = session.graph.needed.iter().copied().collect();
    let processors = std::thread::available_parallelism().map_or(1, usize::from).max(2);
    let threads = processors.min(widest(session, &waiting));
    let progress = Mutex::new(Progress { waiting, ..Progress::default() });
    let schedule = Schedule { session, done: &done, progress, changed: Condvar::new() };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| schedule.work());
        }
        schedule.work();
    });
    let progress = schedule.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    progress.failed.map_or(Ok(()), Err).map(|()| done)
}

/// At most so many stages can be built at once: those that nothing else waits for in a row.
fn widest(session: &Session<'_>, stages: &BTreeSet<usize>) -> usize {
    let mut depth: BTreeMap<usize, usize> = BTreeMap::new();
    for index in stages {
        let below = session.graph.needs.get(*index).into_iter().flatten().filter_map(|need| depth.get(need));
        let own = below.max().map_or(0, |depth| depth + 1);
        depth.insert(*index, own);
    }
    let longest = depth.values().max().map_or(0, |depth| depth + 1);
    stages.len().saturating_sub(longest) + 1
}

impl Schedule<'_, '_> {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Builds stages until none is left.
    fn work(&self) {
        while let Some(index) = self.next() {
            let built = stage::build(self.session, index, self.done);
            let mut progress = self.progress();
            progress.running -= 1;
            match built {
                Ok(state) => self.done.insert(index, state),
                Err(error) => {
                    // What the others say then is that they were stopped.
                    self.session.cancel.cancel();
                    progress.waiting.clear();
                    progress.failed.get_or_insert(error);
                }
            }
            self.changed.notify_all();
        }
    }

    /// The next stage that can be built; waits for one.
    fn next(&self) -> Option<usize> {
        let mut progress = self.progress();
        loop {
            if progress.waiting.is_empty() {
                return None;
            }
            let ready = progress.waiting.iter().copied().find(|index| self.is_ready(*index));
            match ready {
                Some(index) => {
                    progress.waiting.remove(&index);
                    progress.running += 1;
                    return Some(index);
                }
                // Nothing is under way that could make one ready: there is no such plan.
                None if progress.running == 0 => return None,
                None => {
                    progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn is_ready(&self, index: usize) -> bool {
        let needs = self.session.graph.needs.get(index);
        needs.into_iter().flatten().all(|need| self.done.get(*need).is_some())
    }
}
