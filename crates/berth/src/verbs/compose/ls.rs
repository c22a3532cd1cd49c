//! `compose ls`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::Call;
use crate::failure::{Exit, Outcome};
use crate::format::Listing;

/// The command.
pub(crate) const LS: Verb = verb::<List>("ls", "List projects");

const LISTING: Listing = Listing {
    headings: &[("ConfigFiles", "CONFIG FILES")],
    table: &["Name", "Status", "ConfigFiles"],
    quiet: "Name",
};

/// List projects.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Also projects of which nothing runs
    #[arg(short, long)]
    all: bool,
    /// Only names
    #[arg(short, long)]
    quiet: bool,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Run for List {
    async fn run(self, context: &Context) -> Outcome {
        let projects = context.engine.json(Call::get("/berth/projects")).await?;
        let runs = |project: &&Value| self.all || project["status"].get("running").is_some();
        let rows: Vec<Value> = projects.as_array().into_iter().flatten().filter(runs).map(row).collect();
        LISTING.print(&rows, self.format.as_deref(), self.quiet)?;
        Ok(Exit::SUCCESS)
    }
}

fn row(project: &Value) -> Value {
    let status = project["status"].as_object().into_iter().flatten();
    let status: Vec<String> = status.map(|(state, count)| format!("{state}({count})")).collect();
    json!({"Name": project["name"], "Status": status.join(", "), "ConfigFiles": project["config_files"]})
}
