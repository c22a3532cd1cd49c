//! `prune` of everything that is not used.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::human;
use crate::output;
use crate::verbs::filter_map;

/// The command `container prune`.
pub(crate) const CONTAINERS: Verb = verb::<Prune<0>>("prune", "Remove all containers that do not run");
/// The command `image prune`.
pub(crate) const IMAGES: Verb = verb::<Prune<1>>("prune", "Remove images that nothing uses");
/// The command `network prune`.
pub(crate) const NETWORKS: Verb = verb::<Prune<2>>("prune", "Remove networks that nothing uses");
/// The command `volume prune`.
pub(crate) const VOLUMES: Verb = verb::<Prune<3>>("prune", "Remove volumes that nothing uses");
/// The command `builder prune`.
pub(crate) const BUILDS: Verb = verb::<Prune<4>>("prune", "Forget what builds keep for the next one");
/// The command `system prune`.
pub(crate) const SYSTEM: Verb = verb::<PruneAll>("prune", "Remove everything that nothing uses");

struct Kind {
    path: &'static str,
    what: &'static str,
    deleted: &'static str,
    title: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        path: "/containers/prune",
        what: "all stopped containers",
        deleted: "ContainersDeleted",
        title: "Deleted Containers:",
    },
    Kind {
        path: "/images/prune",
        what: "all dangling images",
        deleted: "ImagesDeleted",
        title: "Deleted Images:",
    },
    Kind {
        path: "/networks/prune",
        what: "all networks not used by at least one container",
        deleted: "NetworksDeleted",
        title: "Deleted Networks:",
    },
    Kind {
        path: "/volumes/prune",
        what: "all anonymous volumes not used by at least one container",
        deleted: "VolumesDeleted",
        title: "Deleted Volumes:",
    },
    Kind {
        path: "/build/prune",
        what: "the cached steps of builds that are in no image; with --all also the others, fetched files and cache mounts",
        deleted: "CachesDeleted",
        title: "Deleted build cache:",
    },
];

/// Remove what nothing uses.
#[derive(Debug, Args)]
pub(crate) struct Prune<const KIND: usize> {
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Also named volumes, images with a name, or what is in images of the build cache
    #[arg(short, long)]
    all: bool,
    /// Only those that match, such as until=24h or label=KEY
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
}

impl<const KIND: usize> Run for Prune<KIND> {
    async fn run(self, context: &Context) -> Outcome {
        let kind = &KINDS[KIND];
        if !self.force && !confirmed(&format!("This will remove {}.", kind.what))? {
            return Ok(Exit::SUCCESS);
        }
        let reclaimed = prune(context, KIND, self.all, &self.filter).await?;
        if KIND != 2 {
            output::line(&format!("Total reclaimed space: {}", human::decimal_size(reclaimed)))?;
        }
        Ok(Exit::SUCCESS)
    }
}

/// Remove stopped containers, unused networks and images; with --volumes also volumes.
#[derive(Debug, Args)]
pub(crate) struct PruneAll {
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Also images with a name
    #[arg(short, long)]
    all: bool,
    /// Also volumes without a name
    #[arg(long)]
    volumes: bool,
    /// Only those that match, such as until=24h or label=KEY
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
}

impl Run for PruneAll {
    async fn run(self, context: &Context) -> Outcome {
        let mut text =
            "This will remove:\n  - all stopped containers\n  - all networks not used by a container\n"
                .to_owned();
        if self.volumes {
            text.push_str("  - all anonymous volumes not used by a container\n");
        }
        text.push_str(if self.all {
            "  - all images without a container"
        } else {
            "  - all dangling images"
        });
        text.push_str("\n  - the build cache that is in no image");
        if !self.force && !confirmed(&text)? {
            return Ok(Exit::SUCCESS);
        }
        let mut reclaimed = prune(context, 0, false, &self.filter).await?;
        reclaimed += prune(context, 2, false, &self.filter).await?;
        if self.volumes {
            reclaimed += prune(context, 3, false, &self.filter).await?;
        }
        reclaimed += prune(context, 1, self.all, &self.filter).await?;
        if !self.filter.iter().any(|filter| filter.starts_with("label")) {
            reclaimed += prune(context, 4, self.all, &self.filter).await?;
        }
        output::line(&format!("Total reclaimed space: {}", human::decimal_size(reclaimed)))?;
        Ok(Exit::SUCCESS)
    }
}

/// Removes things of a kind, prints their names, and gives the bytes that came free.
async fn prune(context: &Context, kind: usize, all: bool, filters: &[String]) -> Result<f64, Failure> {
    let kind_of = &KINDS[kind];
    let mut filters = filter_map(filters)?;
    match (kind, all) {
        (1, all) => drop(filters.insert("dangling".to_owned(), json!([(!all).to_string()]))),
        (3, true) => drop(filters.insert("all".to_owned(), json!(["true"]))),
        _ => {}
    }
    let filters = if filters.is_empty() { String::new() } else { Value::Object(filters).to_string() };
    let everything = if kind == 4 && all { "true" } else { "" };
    let path = query(kind_of.path, &[("filters", &filters), ("all", everything)]);
    let answer = context.engine.json(Call::post(&path)).await?;
    let deleted: Vec<String> = answer[kind_of.deleted].as_array().into_iter().flatten().map(shown).collect();
    if !deleted.is_empty() {
        output::line(kind_of.title)?;
        deleted.iter().try_for_each(|name| output::line(name))?;
        output::line("")?;
    }
    Ok(answer["SpaceReclaimed"].as_f64().unwrap_or_default())
}

fn shown(deleted: &Value) -> String {
    let part = |key: &str| deleted[key].as_str();
    match (deleted.as_str(), part("Untagged"), part("Deleted")) {
        (Some(name), ..) => name.to_owned(),
        (_, Some(name), _) => format!("untagged: {name}"),
        (_, _, Some(name)) => format!("deleted: {name}"),
        _ => String::new(),
    }
}

fn confirmed(warning: &str) -> Result<bool, Failure> {
    output::error_bytes(format!("WARNING! {warning}\nAre you sure you want to continue? [y/N] ").as_bytes());
    // The question stands before the answer is read.
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
