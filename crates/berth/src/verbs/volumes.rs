//! `volume`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{Listing, human};
use crate::output;
use crate::verbs::containers::create::{Object, pairs};
use crate::verbs::containers::inspect;
use crate::verbs::containers::ps::joined_labels;
use crate::verbs::{each, filters, prune};

/// Commands of `berth volume`.
pub(crate) const GROUP: &[Verb] = &[
    verb::<Create>("create", "Make a volume"),
    verb::<List>("ls", "List volumes").aliases(&["list"]),
    inspect::VOLUME,
    verb::<Remove>("rm", "Remove volumes").aliases(&["remove"]),
    prune::VOLUMES,
];

const LISTING: Listing =
    Listing { headings: &[("Name", "VOLUME NAME")], table: &["Driver", "Name"], quiet: "Name" };

/// Make a volume.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Driver; only local
    #[arg(short, long, value_name = "DRIVER")]
    driver: Option<String>,
    /// Label
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Option of the driver: type, device, o
    #[arg(short, long, value_name = "KEY=VALUE")]
    opt: Vec<String>,
    /// Name; a random one without it
    name: Option<String>,
}

impl Run for Create {
    async fn run(self, context: &Context) -> Outcome {
        let mut body = Object::default();
        body.option("Name", self.name);
        body.option("Driver", self.driver);
        body.object("Labels", pairs(&self.label));
        body.object("DriverOpts", pairs(&self.opt));
        let made = context.engine.json(Call::post("/volumes/create").json(&Value::Object(body.0))).await?;
        output::line(made["Name"].as_str().unwrap_or_default())?;
        Ok(Exit::SUCCESS)
    }
}

/// List volumes.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only names
    #[arg(short, long)]
    quiet: bool,
    /// Only those that match, such as dangling=true or label=KEY
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Run for List {
    async fn run(self, context: &Context) -> Outcome {
        let path = query("/volumes", &[("filters", &filters(&self.filter)?)]);
        let answer = context.engine.json(Call::get(&path)).await?;
        let mut rows: Vec<Value> = answer["Volumes"].as_array().into_iter().flatten().map(row).collect();
        rows.sort_by_key(|row| row["Name"].as_str().map(str::to_owned));
        LISTING.print(&rows, self.format.as_deref(), self.quiet)?;
        Ok(Exit::SUCCESS)
    }
}

fn row(volume: &Value) -> Value {
    let labels = volume["Labels"].as_object().cloned().unwrap_or_default();
    let usage = &volume["UsageData"];
    let size = usage["Size"].as_f64().filter(|size| *size >= 0.0);
    json!({
        "Name": volume["Name"],
        "Driver": volume["Driver"],
        "Scope": volume["Scope"],
        "Mountpoint": volume["Mountpoint"],
        "Labels": joined_labels(&labels),
        "Links": usage["RefCount"].as_i64().map_or_else(|| "N/A".to_owned(), |count| count.to_string()),
        "Size": size.map_or_else(|| "N/A".to_owned(), human::short_size),
        "Label()": labels,
    })
}

/// Remove volumes.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// It is no mistake when one is not there
    #[arg(short, long)]
    force: bool,
    /// Names
    #[arg(value_name = "VOLUME", required = true)]
    names: Vec<String>,
}

impl Run for Remove {
    async fn run(self, context: &Context) -> Outcome {
        let force = if self.force { "1" } else { "" };
        let mut results = Vec::new();
        for name in &self.names {
            let path = query(&format!("/volumes/{}", quote(name)), &[("force", force)]);
            results.push(context.engine.text(Call::delete(&path)).await.map(|_| name).map_err(Failure::from));
        }
        each(results, |name| output::line(name))
    }
}
