//! `rmi`, `tag`, `history`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{Listing, human};
use crate::output;
use crate::verbs::each;

/// The command `rmi`.
pub(crate) const RMI: Verb = verb::<Remove>("rmi", "Remove images");
/// The command `image rm`.
pub(crate) const RM: Verb = verb::<Remove>("rm", "Remove images").aliases(&["remove"]);
/// The command `tag`.
pub(crate) const TAG: Verb = verb::<Tag>("tag", "Give an image another name");
/// The command `history`.
pub(crate) const HISTORY: Verb = verb::<History>("history", "Show how an image was made");

/// Remove names of images, and the images with their last name.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Also images with several names or stopped containers
    #[arg(short, long)]
    force: bool,
    /// Keep the images without a name that it was made from
    #[arg(long)]
    no_prune: bool,
    /// Names or ids
    #[arg(value_name = "IMAGE", required = true)]
    names: Vec<String>,
}

impl Run for Remove {
    async fn run(self, context: &Context) -> Outcome {
        let flag = |on: bool| if on { "1" } else { "" };
        let mut results = Vec::new();
        for name in &self.names {
            let pairs = [("force", flag(self.force)), ("noprune", flag(self.no_prune))];
            let path = query(&format!("/images/{}", quote(name)), &pairs);
            results.push(context.engine.json(Call::delete(&path)).await.map_err(Failure::from));
        }
        each(results, |removed| {
            for one in removed.as_array().into_iter().flatten() {
                if let Some(name) = one["Untagged"].as_str() {
                    output::line(&format!("Untagged: {name}"))?;
                }
                if let Some(id) = one["Deleted"].as_str() {
                    output::line(&format!("Deleted: {id}"))?;
                }
            }
            Ok(())
        })
    }
}

/// Give an image another name.
#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// Name or id
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The new name
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
}

impl Run for Tag {
    async fn run(self, context: &Context) -> Outcome {
        let (repository, tag) = match self.name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (self.name.as_str(), ""),
        };
        let path =
            query(&format!("/images/{}/tag", quote(&self.image)), &[("repo", repository), ("tag", tag)]);
        context.engine.text(Call::post(&path)).await?;
        Ok(Exit::SUCCESS)
    }
}

const LISTING: Listing = Listing {
    headings: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
    ],
    table: &["ID", "CreatedSince", "CreatedBy", "Size", "Comment"],
    quiet: "ID",
};

/// Show how an image was made, last step first.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// Do not cut ids and commands
    #[arg(long)]
    no_trunc: bool,
    /// Sizes and times for people
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_default_value = true)]
    human: bool,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Name or id
    image: String,
}

impl Run for History {
    async fn run(self, context: &Context) -> Outcome {
        let steps =
            context.engine.json(Call::get(&format!("/images/{}/history", quote(&self.image)))).await?;
        let rows: Vec<Value> = steps.as_array().into_iter().flatten().map(|step| self.row(step)).collect();
        LISTING.print(&rows, self.format.as_deref(), self.quiet)?;
        Ok(Exit::SUCCESS)
    }
}

impl History {
    fn row(&self, step: &Value) -> Value {
        let text = |key: &str| step[key].as_str().unwrap_or_default();
        let (created, size) =
            (step["Created"].as_i64().unwrap_or_default(), step["Size"].as_f64().unwrap_or_default());
        let cut =
            |id: &str| if self.no_trunc || id.starts_with('<') { id.to_owned() } else { human::short_id(id) };
        let by = text("CreatedBy").replace('\t', " ");
        json!({
            "ID": cut(text("Id")),
            "CreatedSince": if self.human { human::ago(created) } else { human::go_time(created) },
            "CreatedAt": human::go_time(created),
            "CreatedBy": if self.no_trunc { by } else { human::ellipsis(&by, 45) },
            "Size": if self.human { human::short_size(size) } else { format!("{size:.0}") },
            "Comment": text("Comment"),
        })
    }
}
