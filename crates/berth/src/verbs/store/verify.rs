//! `store verify`.

use clap::Args;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query};
use crate::failure::{Exit, Outcome};
use crate::output;

/// The command.
pub(crate) const VERIFY: Verb =
    verb::<Verify>("verify", "Read the whole image store and tell what is damaged");

/// Read the whole image store and tell what is damaged; fails when something is and stays so.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Unpack again, fetch again, or remove what is damaged
    #[arg(long)]
    repair: bool,
}

impl Run for Verify {
    async fn run(self, context: &Context) -> Outcome {
        let flag = if self.repair { "1" } else { "" };
        let path = query("/berth/store/verify", &[("repair", flag)]);
        let found = context.engine.json(Call::post(&path)).await?;
        let findings = found.as_array().map(Vec::as_slice).unwrap_or_default();
        for finding in findings {
            let images: Vec<&str> =
                finding["images"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
            let whose = if images.is_empty() { "no image".to_owned() } else { images.join(", ") };
            output::line(&format!("{whose}: {}", finding["problem"].as_str().unwrap_or_default()))?;
            if let Some(done) = finding["done"].as_str() {
                output::line(&format!("  {done}"))?;
            }
        }
        if findings.is_empty() {
            output::line("The image store is whole.")?;
        }
        Ok(if findings.is_empty() || self.repair { Exit::SUCCESS } else { Exit(1) })
    }
}
