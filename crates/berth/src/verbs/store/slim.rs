//! `image slim`.

use clap::Args;
use image::LayerReport;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::format::human::{ellipsis, short_size};
use crate::output;

/// The command.
pub(crate) const SLIM: Verb =
    verb::<Slim>("slim", "Say what an image's bytes are, and which change of its Dockerfile saves them");

/// Say layer by layer what an image's bytes are, and which change of its Dockerfile would save them.
#[derive(Debug, Args)]
pub(crate) struct Slim {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Name or id
    image: String,
}

impl Run for Slim {
    async fn run(self, context: &Context) -> Outcome {
        let path = format!("/berth/images/{}/slim", quote(&self.image));
        let found = context.engine.json(Call::get(&path)).await?;
        if self.json {
            output::line(&found.to_string())?;
            return Ok(Exit::SUCCESS);
        }
        let reports: Vec<LayerReport> = serde_json::from_value(found)
            .map_err(|error| Failure::new(format!("the engine's answer makes no sense: {error}")))?;
        reports.iter().enumerate().try_for_each(|(at, report)| layer(at + 1, report))?;
        let whole: u64 = reports.iter().map(|report| report.size).sum();
        let saved: u64 =
            reports.iter().flat_map(|report| &report.findings).map(|finding| finding.bytes).sum();
        output::line(&format!("{} of {} could be saved.", size(saved), size(whole)))?;
        Ok(Exit::SUCCESS)
    }
}

fn size(bytes: u64) -> String {
    short_size(bytes as f64)
}

fn layer(number: usize, report: &LayerReport) -> Result<(), Failure> {
    let step = report.step.split_whitespace().collect::<Vec<_>>().join(" ");
    output::line(&format!("Layer {number}: {}  {}", size(report.size), ellipsis(&step, 80)))?;
    for finding in &report.findings {
        let (title, files) = (finding.waste.title(), finding.files);
        let by = finding.by_layer.map(|layer| format!(" by layer {layer}")).unwrap_or_default();
        let noun = if files == 1 { "file" } else { "files" };
        output::line(&format!(
            "  {:>8}  {title}{by}, {files} {noun}: {}",
            size(finding.bytes),
            finding.examples.join(" ")
        ))?;
        output::line(&format!("            -> {}", finding.advice))?;
    }
    output::line("")
}
