//! How the progress of a build is shown.

use std::time::Duration;

use build::{BuildEvent, BuildResult};
use clap::ValueEnum;

use super::build_live::LiveOutput;
use super::build_output::BuildOutput;
use crate::output;

/// How often times that pass are drawn.
pub(super) const TICK: Duration = Duration::from_millis(200);

/// The forms of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Progress {
    /// Drawn on a terminal, lines elsewhere
    #[default]
    Auto,
    /// Lines
    Plain,
    /// Drawn
    Tty,
    /// Nothing unless it fails
    Quiet,
    /// Each event as JSON
    Rawjson,
}

/// Whoever shows a build.
pub(crate) enum Shown {
    /// As lines.
    Lines(BuildOutput),
    /// Drawn.
    Live(LiveOutput),
    /// As it comes.
    Json,
}

impl From<BuildOutput> for Shown {
    fn from(lines: BuildOutput) -> Shown {
        Shown::Lines(lines)
    }
}

impl Shown {
    pub(super) fn new(progress: Progress, quiet: bool) -> Shown {
        match progress {
            _ if quiet => Shown::Lines(BuildOutput::new("", true)),
            Progress::Auto if output::stderr_is_terminal() => Shown::Live(LiveOutput::new()),
            Progress::Auto | Progress::Plain => Shown::Lines(BuildOutput::new("", false)),
            Progress::Tty => Shown::Live(LiveOutput::new()),
            Progress::Quiet => Shown::Lines(BuildOutput::new("", true)),
            Progress::Rawjson => Shown::Json,
        }
    }

    /// Takes an event; gives the result when it is the last.
    pub(super) fn event(&mut self, event: BuildEvent) -> Option<BuildResult> {
        match self {
            Shown::Lines(lines) => lines.event(event),
            Shown::Live(live) => live.event(event),
            Shown::Json => {
                output::note(&serde_json::to_string(&event).unwrap_or_default());
                if let BuildEvent::Finished(result) = event { Some(result) } else { None }
            }
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self) {
        if let Shown::Live(live) = self {
            live.redraw();
        }
    }

    /// There is no image.
    pub(super) fn failed(&mut self) {
        match self {
            Shown::Lines(lines) => lines.failed(),
            Shown::Live(live) => live.failed(),
            Shown::Json => {}
        }
    }
}
