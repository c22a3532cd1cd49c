//! `compose logs`.

use clap::Args;

use super::follow::{Follow, Style};
use crate::cli::{Context, Run, Verb, verb};
use crate::failure::Outcome;
use crate::project::targets;
use crate::verbs::containers::logs::LogChoice;

/// The command.
pub(crate) const LOGS: Verb = verb::<Logs>("logs", "Show the output of services");

/// Show the output of services.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    choice: LogChoice,
    /// No colours
    #[arg(long)]
    no_color: bool,
    /// No names before the lines
    #[arg(long)]
    no_log_prefix: bool,
    /// Only the container of this number
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Run for Logs {
    async fn run(self, context: &Context) -> Outcome {
        let mut targets = targets(context, &self.services).await?;
        if let Some(index) = self.index {
            targets = targets.into_iter().skip(index.saturating_sub(1)).take(1).collect();
        }
        Follow::new(&targets, Style::for_stdout(self.no_color, self.no_log_prefix))
            .run(context, &self.choice)
            .await
    }
}
