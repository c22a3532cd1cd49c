//! `down`.

use clap::Args;
use engine::project::DownOptions;
use serde_json::json;

use super::progress::Progress;
use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, quote};
use crate::failure::{Exit, Outcome};
use crate::project::scope;

/// The command.
pub(crate) const DOWN: Verb =
    verb::<Down>("down", "Stop and remove a project's containers and networks").examples(
        "Examples:\n  berth down\n  berth down -v           also remove the project's volumes\n  berth -p shop down      \
         a project without its files",
    );

/// Stop and remove a project's containers and networks.
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Remove its volumes too
    #[arg(short, long)]
    volumes: bool,
    /// Remove images too: `local` for those without a name of their own, `all`
    #[arg(long, value_name = "WHICH")]
    rmi: Option<String>,
    /// Seconds until SIGKILL
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
    /// Remove containers of services that are not in the file
    #[arg(long)]
    remove_orphans: bool,
    /// Plain lines also on a terminal
    #[arg(long)]
    plain: bool,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Run for Down {
    async fn run(self, context: &Context) -> Outcome {
        let scope = scope(&context.globals)?;
        let options = DownOptions {
            volumes: self.volumes,
            rmi: self.rmi,
            timeout_s: self.timeout,
            remove_orphans: self.remove_orphans,
            services: self.services,
        };
        let body = json!({"project": scope.project, "options": options});
        let path = format!("/berth/projects/{}/down", quote(&scope.name));
        let lines = context.engine.lines(Call::post(&path).json(&body)).await?;
        Progress::new(self.plain).follow(lines).await?;
        Ok(Exit::SUCCESS)
    }
}
