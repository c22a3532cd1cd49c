//! Building one stage, instruction by instruction.

use super::report::Step;
use super::schedule::Done;
use super::session::Session;
use super::state::State;
use super::{copy, images, metadata, run};
use crate::cache::Record;
use crate::dockerfile::{Instruction, Kind};
use crate::error::{BuildError, Excerpt, SourceError, StepError};
use crate::graph::{self, Base};
use crate::remote::FetchError;

/// A stage in the making.
pub(super) struct StageBuilder<'a, 's> {
    pub(super) session: &'a Session<'s>,
    /// Its number in the Dockerfile.
    pub(super) index: usize,
    /// Stages that are finished.
    pub(super) done: &'a Done,
    /// Its steps are carried out whatever the cache has.
    pub(super) no_cache: bool,
    pub(super) state: State,
}

/// How an instruction went.
pub(super) enum Outcome {
    /// It changed the configuration only.
    Metadata {
        /// For the history.
        created_by: String,
    },
    /// It made a layer, or found it, or found that there is nothing to change.
    Layer {
        /// For the history.
        created_by: String,
        record: Record,
        cached: bool,
    },
}

/// Builds the stage number `index`; those it needs are in `done`.
pub(super) fn build(session: &Session<'_>, index: usize, done: &Done) -> Result<State, BuildError> {
    let Some(stage) = session.file.stages.get(index) else { return Ok(State::default()) };
    let state = State::default();
    let no_cache = ignores_cache(session, index);
    let mut builder = StageBuilder { session, index, done, state, no_cache };
    builder.from(&stage.at)?;
    for instruction in &stage.instructions {
        let at = session.file.excerpt(instruction);
        builder.step(instruction, &at)?;
    }
    Ok(builder.state)
}

fn ignores_cache(session: &Session<'_>, index: usize) -> bool {
    let name = graph::name(session.file, index);
    let filter = &session.request.no_cache_filter;
    session.request.no_cache || filter.iter().any(|stage| stage.eq_ignore_ascii_case(&name))
}

impl StageBuilder<'_, '_> {
    fn from(&mut self, at: &Instruction) -> Result<(), BuildError> {
        let step = self.begin(at)?;
        match self.session.graph.bases.get(self.index) {
            Some(Base::Stage(base)) => {
                self.state = self.done.get(*base).map(|base| State::of_stage(&base)).unwrap_or_default()
            }
            Some(Base::Image(name)) => {
                let session = self.session;
                let image = session.images.get(session.report, name, &session.file.excerpt(at))?;
                self.state = State::of_image(&image);
            }
            Some(Base::Scratch) | None => self.state = State::scratch(),
        }
        self.session.report.end(&step, false);
        self.triggers(at)
    }

    /// Carries out the `ONBUILD` instructions of the base.
    fn triggers(&mut self, from: &Instruction) -> Result<(), BuildError> {
        let at = self.session.file.excerpt(from);
        let triggers = std::mem::take(&mut self.state.image.config.on_build);
        for mut instruction in images::parse_triggers(&triggers, &at)? {
            instruction.line = from.line;
            self.step(&instruction, &at)?;
        }
        Ok(())
    }

    fn begin(&self, instruction: &Instruction) -> Result<Step, BuildError> {
        self.session.check()?;
        Ok(self.session.report.begin(graph::name(self.session.file, self.index), instruction))
    }

    fn step(&mut self, instruction: &Instruction, at: &Excerpt) -> Result<(), BuildError> {
        let step = self.begin(instruction)?;
        let outcome = self.instruction(instruction, &step, at)?;
        let cached = match outcome {
            Outcome::Metadata { created_by } => {
                self.state.note(created_by, None);
                false
            }
            Outcome::Layer { created_by, record, cached } => {
                self.state.note(created_by, Some((record.created, record.layer)));
                cached
            }
        };
        self.session.report.end(&step, cached);
        Ok(())
    }

    fn instruction(
        &mut self,
        instruction: &Instruction,
        step: &Step,
        at: &Excerpt,
    ) -> Result<Outcome, BuildError> {
        let fail = |source| failed(at, source);
        match &instruction.kind {
            Kind::Run(run) => run::run(self, run, step, at),
            Kind::Copy(transfer) => copy::copy(self, transfer, false, at),
            Kind::Add(transfer) => copy::copy(self, transfer, true, at),
            Kind::Workdir(path) => copy::workdir(self, path).map_err(fail),
            kind => {
                let created_by =
                    metadata::apply(&mut self.state, kind, self.session.given()).map_err(fail)?;
                Ok(Outcome::Metadata { created_by: created_by.unwrap_or_default() })
            }
        }
    }
}

/// An instruction that failed; a cancellation is told as such.
pub(super) fn failed(at: &Excerpt, source: StepError) -> BuildError {
    match &source {
        StepError::Transfer(error) if error.is_cancelled() => BuildError::Cancelled,
        StepError::Source(SourceError::Fetch { source: FetchError::Cancelled, .. }) => BuildError::Cancelled,
        _ => BuildError::Step { at: at.clone(), source: Box::new(source) },
    }
}
