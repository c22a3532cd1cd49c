//! What a build tells, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use build::{BuildEvent, BuildResult};

use crate::output;

/// Prints the events of one build to standard error.
#[derive(Debug, Default)]
pub(crate) struct BuildOutput {
    steps: usize,
    quiet: bool,
    /// Put before each line: the service, when several are built.
    prefix: String,
    /// Output of the running step that has no line end yet.
    held: BTreeMap<usize, String>,
    /// Output of the running step, shown when it fails though the build is quiet.
    log: Vec<String>,
}

impl BuildOutput {
    /// Output that begins with `prefix`; a quiet one shows nothing unless the build fails.
    pub(crate) fn new(prefix: &str, quiet: bool) -> BuildOutput {
        BuildOutput { prefix: prefix.to_owned(), quiet, ..BuildOutput::default() }
    }

    /// Prints an event; gives the result when it is the last.
    pub(crate) fn event(&mut self, event: BuildEvent) -> Option<BuildResult> {
        match event {
            BuildEvent::Planned { steps } => self.steps = steps,
            BuildEvent::Pulling { image } => self.line(&format!("pulling {image}")),
            BuildEvent::StepStarted { step, text, .. } => {
                self.log.clear();
                let first = text.lines().next().unwrap_or_default();
                let more = if text.lines().nth(1).is_some() { " …" } else { "" };
                self.line(&format!("[{step}/{}] {first}{more}", self.steps));
            }
            BuildEvent::Output { step, text, .. } => self.output(step, &text),
            BuildEvent::StepFinished { step, cached, elapsed } => {
                self.flush(step);
                let how = if cached { "cached".to_owned() } else { format!("done {}", seconds(elapsed)) };
                self.line(&format!("[{step}/{}] {how}", self.steps));
            }
            BuildEvent::Warning(warning) => {
                let place = format!("{}:{}", warning.file, warning.line);
                output::warn(&format!("{place}: {}: {}", warning.rule, warning.message));
            }
            BuildEvent::Finished(result) => {
                let tags = if result.tags.is_empty() { result.image.clone() } else { result.tags.join(", ") };
                self.line(&format!("built {tags} ({} of {} steps cached)", result.cached, result.steps));
                return Some(result);
            }
        }
        None
    }

    /// Shows what a quiet build has kept back, because it failed.
    pub(crate) fn failed(&mut self) {
        let steps: Vec<usize> = self.held.keys().copied().collect();
        steps.into_iter().for_each(|step| self.flush(step));
        if self.quiet {
            self.log.iter().for_each(|line| output::note(line));
        }
    }

    fn output(&mut self, step: usize, text: &str) {
        let mut held = self.held.remove(&step).unwrap_or_default();
        held.push_str(text);
        while let Some(end) = held.find('\n') {
            let line: String = held.drain(..=end).collect();
            self.step_line(step, line.trim_end_matches(['\n', '\r']));
        }
        if !held.is_empty() {
            self.held.insert(step, held);
        }
    }

    fn flush(&mut self, step: usize) {
        if let Some(rest) = self.held.remove(&step) {
            self.step_line(step, &rest);
        }
    }

    fn step_line(&mut self, step: usize, line: &str) {
        let line = format!("[{step}/{}] | {line}", self.steps);
        self.line(&line);
        if self.quiet {
            self.log.push(line);
        }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            output::note(&format!("{}{text}", self.prefix));
        }
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1}s", elapsed.as_secs_f64())
}
