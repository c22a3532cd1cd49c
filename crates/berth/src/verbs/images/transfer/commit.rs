//! `commit`.

use clap::Args;
use serde_json::json;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query};
use crate::failure::{Exit, Outcome};
use crate::output;

/// The command `commit`.
pub(crate) const COMMIT: Verb = verb::<Commit>("commit", "Make an image of a container");

/// Make an image of a container.
#[derive(Debug, Args)]
pub(crate) struct Commit {
    /// Who made it
    #[arg(short, long, default_value = "")]
    author: String,
    /// Dockerfile instruction for the configuration, such as `CMD ["sh"]`
    #[arg(short, long = "change", value_name = "INSTRUCTION")]
    changes: Vec<String>,
    /// Remark in the image's history
    #[arg(short, long, default_value = "")]
    message: String,
    /// Freeze the container meanwhile
    #[arg(short, long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_default_value = true)]
    pause: bool,
    /// Name or id of the container
    container: String,
    /// Name of the image
    #[arg(value_name = "NAME[:TAG]", default_value = "")]
    name: String,
}

impl Run for Commit {
    async fn run(self, context: &Context) -> Outcome {
        let mut pairs = vec![
            ("container", self.container.as_str()),
            ("repo", self.name.as_str()),
            ("comment", self.message.as_str()),
            ("author", self.author.as_str()),
            ("pause", if self.pause { "1" } else { "0" }),
        ];
        pairs.extend(self.changes.iter().map(|change| ("changes", change.as_str())));
        let made = context.engine.json(Call::post(&query("/commit", &pairs)).json(&json!({}))).await?;
        output::line(made["Id"].as_str().unwrap_or_default())?;
        Ok(Exit::SUCCESS)
    }
}
