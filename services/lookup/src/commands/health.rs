use crate::{cli::Outcome, http::Client};
use clap::Args;
use hyper::Uri;
use std::time::Duration;

/// Options of `health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// What to ask.
    #[arg(default_value = "http://127.0.0.1:8000/healthz")]
    address: Uri,
}

/// Succeeds when the address answers with success.
pub(crate) async fn health(args: HealthArgs) -> Outcome {
    let client = Client::new(Duration::from_secs(3), 1, false)?;
    match client.answers(&args.address).await {
        true => Ok(()),
        false => Err(format!("{} does not answer with success", args.address).into()),
    }
}
