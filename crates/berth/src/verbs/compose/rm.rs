//! `compose rm`.

use clap::Args;
use futures_util::future::join_all;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::project::{members, scope};
use crate::verbs::containers::lifecycle::post;
use crate::verbs::each;

/// The command.
pub(crate) const RM: Verb = verb::<Remove>("rm", "Remove the project's stopped containers");

/// Remove the project's stopped containers.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Do not ask: nothing is asked
    #[arg(short, long, hide = true)]
    force: bool,
    /// Stop them first
    #[arg(short, long)]
    stop: bool,
    /// Remove their volumes without a name too
    #[arg(short, long)]
    volumes: bool,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    only: Vec<String>,
}

impl Run for Remove {
    async fn run(self, context: &Context) -> Outcome {
        let scope = scope(&context.globals)?;
        let mut chosen = members(&context.engine, &scope.name).await?;
        chosen.retain(|member| self.only.is_empty() || self.only.contains(&member.service));
        if self.stop {
            // Those that have stopped already say so.
            join_all(chosen.iter().map(|member| post(context, &member.id, "stop", &[]))).await;
        } else {
            chosen.retain(|member| !member.is_running());
        }
        let volumes = if self.volumes { "1" } else { "" };
        let removed = join_all(chosen.iter().map(|member| async {
            let path = query(&format!("/containers/{}", member.id), &[("v", volumes)]);
            context.engine.text(Call::delete(&path)).await.map(|_| &member.name).map_err(Failure::from)
        }))
        .await;
        each(removed, |name| output::line(name))
    }
}
