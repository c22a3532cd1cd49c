//! `completion`.

use clap::{Args, FromArgMatches};
use clap_complete::{Shell, generate};

use crate::cli::{Context, Run, Verb, command, verb};
use crate::failure::{Exit, Failure, Outcome};
use crate::{output, verbs};

/// The command.
pub(crate) const VERB: Verb = verb::<Completion>("completion", "Print a shell's completions")
    .direct(|_, matches| Completion::from_arg_matches(matches).map_err(Failure::from)?.print())
    .examples("Example:\n  berth completion bash > /etc/bash_completion.d/berth");

/// Print a shell's completions.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Run for Completion {
    async fn run(self, _: &Context) -> Outcome {
        self.print()
    }
}

impl Completion {
    fn print(&self) -> Outcome {
        let mut script = Vec::new();
        generate(self.shell, &mut command(verbs::GROUPS), "berth", &mut script);
        output::write(&script)?;
        Ok(Exit::SUCCESS)
    }
}
