//! `inspect` of anything.

use clap::Args;
use serde_json::Value;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, query, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::{indented, render_template};
use crate::output;

/// The command `inspect`: of whatever has the name.
pub(crate) const ANY: Verb =
    verb::<Inspect>("inspect", "Show all about containers, images, networks, volumes").examples(
        "Examples:\n  berth inspect web\n  berth inspect -f '{{.State.Status}}' web\n  \
     berth inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web",
    );
/// The command `container inspect`.
pub(crate) const CONTAINER: Verb = verb::<Only<0>>("inspect", "Show all about containers");
/// The command `image inspect`.
pub(crate) const IMAGE: Verb = verb::<Only<1>>("inspect", "Show all about images");
/// The command `network inspect`.
pub(crate) const NETWORK: Verb = verb::<Only<2>>("inspect", "Show all about networks");
/// The command `volume inspect`.
pub(crate) const VOLUME: Verb = verb::<Only<3>>("inspect", "Show all about volumes");

/// Kinds of things, in the order in which a name is looked up.
const KINDS: [(&str, &str, &str); 4] = [
    ("container", "/containers/", "/json"),
    ("image", "/images/", "/json"),
    ("network", "/networks/", ""),
    ("volume", "/volumes/", ""),
];

/// How documents are shown.
#[derive(Debug, Args)]
struct Shape {
    /// Print with a Go template, or `json`
    #[arg(short, long, value_name = "TEMPLATE")]
    format: Option<String>,
    /// Count sizes of containers
    #[arg(short, long)]
    size: bool,
    /// Names or ids
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Show all about containers, images, networks, volumes.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Only things of this kind: container, image, network, volume
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<String>,
    #[command(flatten)]
    shape: Shape,
}

impl Run for Inspect {
    async fn run(self, context: &Context) -> Outcome {
        let kinds: Vec<usize> = match &self.kind {
            None => (0..KINDS.len()).collect(),
            Some(kind) => {
                let at = KINDS.iter().position(|(name, ..)| name == kind);
                vec![at.ok_or_else(|| {
                    Failure::new(format!("{kind:?} is none of container, image, network, volume"))
                })?]
            }
        };
        self.shape.show(context, &kinds).await
    }
}

/// Show all about things of one kind.
#[derive(Debug, Args)]
pub(crate) struct Only<const KIND: usize> {
    #[command(flatten)]
    shape: Shape,
}

impl<const KIND: usize> Run for Only<KIND> {
    async fn run(self, context: &Context) -> Outcome {
        self.shape.show(context, &[KIND]).await
    }
}

impl Shape {
    /// What is there is shown, what is not is told at the end.
    async fn show(&self, context: &Context, kinds: &[usize]) -> Outcome {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in &self.names {
            match self.find(context, kinds, name).await {
                Ok(document) => found.push(document),
                Err(failure) => failures.push(failure),
            }
        }
        self.print(&found)?;
        for failure in &failures {
            output::error_bytes(failure.render().as_bytes());
        }
        Ok(Exit(u8::from(!failures.is_empty())))
    }

    fn print(&self, documents: &[String]) -> Result<(), Failure> {
        match &self.format {
            None if documents.is_empty() => output::line("[]"),
            None => {
                let all: Vec<String> =
                    documents.iter().map(|text| format!("    {}", indented(text, 1))).collect();
                output::line(&format!("[\n{}\n]", all.join(",\n")))
            }
            Some(format) if format == "json" => {
                documents.iter().try_for_each(|text| output::line(text.trim()))
            }
            Some(format) => documents.iter().try_for_each(|text| {
                let document: Value = serde_json::from_str(text)?;
                output::line(&render_template(format, &document)?)
            }),
        }
    }

    async fn find(&self, context: &Context, kinds: &[usize], name: &str) -> Result<String, Failure> {
        for kind in kinds {
            let (_, before, after) = KINDS[*kind];
            let size = if self.size { "1" } else { "" };
            let path = query(&format!("{before}{}{after}", quote(name)), &[("size", size)]);
            match context.engine.text(Call::get(&path)).await {
                Ok(text) => return Ok(String::from_utf8_lossy(&text).into_owned()),
                Err(error) if error.is_not_found() && kinds.len() > 1 => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::new(format!("no such object: {name}")))
    }
}
