//! `compose images`, `compose port`'s neighbours: what containers are made from.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, quote};
use crate::failure::{Exit, Outcome};
use crate::format::{Listing, human};
use crate::project::{in_order, members, scope};

/// The command.
pub(crate) const IMAGES: Verb = verb::<Images>("images", "List the images of the project's containers");

const LISTING: Listing = Listing {
    headings: &[("ContainerName", "CONTAINER"), ("ID", "IMAGE ID")],
    table: &["ContainerName", "Repository", "Tag", "ID", "Size"],
    quiet: "ID",
};

/// List the images of the project's containers.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Services; all without one
    #[arg(value_name = "SERVICE")]
    only: Vec<String>,
}

impl Run for Images {
    async fn run(self, context: &Context) -> Outcome {
        let scope = scope(&context.globals)?;
        let all = in_order(scope.project.as_ref(), &members(&context.engine, &scope.name).await?);
        let mut rows = Vec::new();
        for member in all.iter().filter(|member| self.only.is_empty() || self.only.contains(&member.service))
        {
            let id = member.summary["ImageID"].as_str().unwrap_or_default();
            let size = match context.engine.json(Call::get(&format!("/images/{}/json", quote(id)))).await {
                Ok(image) => image["Size"].as_f64().unwrap_or_default(),
                // The container outlives its image's name.
                Err(error) if error.is_not_found() => 0.0,
                Err(error) => return Err(error.into()),
            };
            let name = member.summary["Image"].as_str().unwrap_or_default();
            let (repository, tag) = match name.rsplit_once(':') {
                Some((repository, tag)) if !tag.contains('/') => (repository, tag),
                _ => (name, "latest"),
            };
            rows.push(json!({
                "ContainerName": member.name,
                "Service": member.service,
                "Repository": repository,
                "Tag": tag,
                "ID": human::short_id(id),
                "Size": human::short_size(size),
            }));
        }
        if self.quiet {
            rows.sort_by_key(|row: &Value| row["ID"].to_string());
            rows.dedup_by(|a, b| a["ID"] == b["ID"]);
        }
        LISTING.print(&rows, self.format.as_deref(), self.quiet)?;
        Ok(Exit::SUCCESS)
    }
}
