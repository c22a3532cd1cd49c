//! `images`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{Listing, human};
use crate::verbs::filter_map;

/// The command as `images`.
pub(crate) const IMAGES: Verb = verb::<Images>("images", "List images");
/// The command as `image ls`.
pub(crate) const LS: Verb = verb::<Images>("ls", "List images").aliases(&["list"]);

const LISTING: Listing = Listing {
    headings: &[("ID", "IMAGE ID"), ("CreatedSince", "CREATED"), ("CreatedAt", "CREATED AT")],
    table: &["Repository", "Tag", "ID", "CreatedSince", "Size"],
    quiet: "ID",
};
const WITH_DIGESTS: Listing =
    Listing { table: &["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"], ..LISTING };

/// List images.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Also images without a name that others are made from
    #[arg(short, long)]
    all: bool,
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// Do not cut ids
    #[arg(long)]
    no_trunc: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Only those that match, such as dangling=true or reference=NAME
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Print with a Go template, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Only images of this name
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

impl Run for Images {
    async fn run(self, context: &Context) -> Outcome {
        let mut filters = filter_map(&self.filter)?;
        if let Some(name) = &self.name {
            filters.insert("reference".to_owned(), json!([name]));
        }
        let filters = if filters.is_empty() { String::new() } else { Value::Object(filters).to_string() };
        let all = if self.all { "1" } else { "" };
        let path = query("/images/json", &[("all", all), ("filters", &filters)]);
        let images = context.engine.json(Call::get(&path)).await?;
        let rows: Vec<Value> =
            images.as_array().into_iter().flatten().flat_map(|one| rows(one, self.no_trunc)).collect();
        self.print(rows)?;
        Ok(Exit::SUCCESS)
    }
}

impl Images {
    fn print(&self, mut rows: Vec<Value>) -> Result<(), Failure> {
        let listing = if self.digests { &WITH_DIGESTS } else { &LISTING };
        if self.quiet {
            // An image with two names is one image.
            rows.dedup_by(|a, b| a["ID"] == b["ID"]);
        }
        listing.print(&rows, self.format.as_deref(), self.quiet)
    }
}

/// A row for each name of an image.
fn rows(image: &Value, whole: bool) -> Vec<Value> {
    let names: Vec<&str> =
        image["RepoTags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let names = if names.is_empty() { vec!["<none>:<none>"] } else { names };
    let id = image["Id"].as_str().unwrap_or_default();
    let created = image["Created"].as_i64().unwrap_or_default();
    let size = human::short_size(image["Size"].as_f64().unwrap_or_default());
    let containers = image["Containers"].as_i64().filter(|count| *count >= 0);
    let row = |name: &str| {
        let (repository, tag) = split_tag(name);
        json!({
            "Repository": repository,
            "Tag": tag,
            "Digest": "<none>",
            "ID": if whole { id.to_owned() } else { human::short_id(id) },
            "CreatedSince": human::ago(created),
            "CreatedAt": human::go_time(created),
            "Size": size,
            "VirtualSize": size,
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
            "Containers": containers.map_or_else(|| "N/A".to_owned(), |count| count.to_string()),
        })
    };
    names.into_iter().map(row).collect()
}

/// The tag is behind the last colon that no slash follows.
fn split_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "<none>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_a_row_for_each_name() {
        let image = json!({"Id": "sha256:0123456789abcdef", "RepoTags": ["host:5000/a:1", "b:latest"], "Size": 77_812_345});
        let shown: Vec<_> = rows(&image, false)
            .iter()
            .map(|row| format!("{} {} {} {}", row["Repository"], row["Tag"], row["ID"], row["Size"]))
            .collect();
        assert_eq!(
            shown,
            [r#""host:5000/a" "1" "0123456789ab" "77.8MB""#, r#""b" "latest" "0123456789ab" "77.8MB""#]
        );
        assert_eq!(rows(&json!({"Id": "x"}), true)[0]["Repository"], "<none>");
    }
}
