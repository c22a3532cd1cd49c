//! Telling what happens, and counting it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::dockerfile::{Dockerfile, Instruction};
use crate::event::{BuildEvent, Stream, Warning};
use crate::graph::Graph;

/// The receiver of events, shared by all stages.
pub(super) struct Report<'a> {
    inner: Mutex<Inner<'a>>,
}

struct Inner<'a> {
    events: &'a mut (dyn FnMut(BuildEvent) + Send),
    steps: usize,
    cached: usize,
}

/// A step that has been told to have begun.
#[derive(Debug)]
pub(super) struct Step {
    number: usize,
    began: Instant,
}

impl<'a> Report<'a> {
    pub(super) fn new(events: &'a mut (dyn FnMut(BuildEvent) + Send)) -> Self {
        Self { inner: Mutex::new(Inner { events, steps: 0, cached: 0 }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<'a>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn event(&self, event: BuildEvent) {
        (self.inner().events)(event);
    }

    pub(super) fn warn(&self, warning: Warning) {
        self.event(BuildEvent::Warning(warning));
    }

    /// Tells how many steps there will be (a `FROM` is one).
    pub(super) fn plan(&self, file: &Dockerfile, graph: &Graph) {
        let stages = graph.needed.iter().filter_map(|index| file.stages.get(*index));
        self.event(BuildEvent::Planned { steps: stages.map(|stage| 1 + stage.instructions.len()).sum() });
    }

    pub(super) fn begin(&self, stage: String, instruction: &Instruction) -> Step {
        let mut inner = self.inner();
        inner.steps += 1;
        let step = inner.steps;
        let (line, text) = (instruction.line, instruction.text.clone());
        (inner.events)(BuildEvent::StepStarted { step, stage, line, text });
        Step { number: step, began: Instant::now() }
    }

    pub(super) fn output(&self, step: &Step, stream: Stream, text: String) {
        if !text.is_empty() {
            self.event(BuildEvent::Output { step: step.number, stream, text });
        }
    }

    pub(super) fn end(&self, step: &Step, cached: bool) {
        let mut inner = self.inner();
        inner.cached += usize::from(cached);
        (inner.events)(BuildEvent::StepFinished { step: step.number, cached, elapsed: step.began.elapsed() });
    }

    /// Steps that were done, and those of them that came from the cache.
    pub(super) fn counts(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.steps, inner.cached)
    }
}
