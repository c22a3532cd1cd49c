//! `image bootstrap`.

use clap::Args;
use serde_json::json;

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{Call, CallError};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;

/// The command.
pub(crate) const BOOTSTRAP: Verb =
    verb::<Bootstrap>("bootstrap", "Make a Debian base image from this machine's apt sources").examples(
        "Examples:\n  berth image bootstrap debian:bookworm\n  \
         berth image bootstrap --package ca-certificates,curl debian:trixie\n  \
         berth image bootstrap --source 'deb http://mirror/debian bookworm-backports main' --suite bookworm base:1",
    );

/// Make a Debian base image with mmdebstrap, from this machine's own apt sources; no registry is asked.
#[derive(Debug, Args)]
pub(crate) struct Bootstrap {
    /// Debian suite, when it is not the name's tag
    #[arg(long, value_name = "SUITE")]
    suite: Option<String>,
    /// Packages to add
    #[arg(long = "package", visible_alias = "include", value_name = "NAME,...", value_delimiter = ',')]
    packages: Vec<String>,
    /// Further apt source, one line
    #[arg(long = "source", visible_alias = "extra-source", value_name = "LINE")]
    extra_sources: Vec<String>,
    /// Set of packages: minbase, essential, important
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Keep documentation and translations
    #[arg(long)]
    keep_docs: bool,
    /// Print only the id
    #[arg(short, long)]
    quiet: bool,
    /// Name of the image
    #[arg(value_name = "NAME:SUITE")]
    reference: String,
}

impl Run for Bootstrap {
    async fn run(self, context: &Context) -> Outcome {
        let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<i64>().ok());
        let body = json!({
            "reference": self.reference,
            "suite": self.suite,
            "packages": self.packages,
            "extra_sources": self.extra_sources,
            "variant": self.variant,
            "keep_docs": self.keep_docs,
            "source_date_epoch": epoch,
        });
        let mut lines = context.engine.lines(Call::post("/berth/images/bootstrap").json(&body)).await?;
        while let Some(told) = lines.next().await? {
            if let Some(message) = told["error"]["message"].as_str() {
                return Err(Failure::new(message));
            }
            if let Some(id) = told["id"].as_str() {
                output::line(id)?;
                return Ok(Exit::SUCCESS);
            }
            if let Some(line) = told["line"].as_str().filter(|_| !self.quiet) {
                output::note(line);
            }
        }
        Err(CallError::Protocol("it ended without an image".to_owned()).into())
    }
}
