//! `registry serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use image::Store;
use registry::server::{ServerOptions, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;

/// The command.
pub(crate) const SERVE: Verb = verb::<Serve>("serve", "Offer the local images as a registry").examples(
    "Examples:\n  berth registry serve\n  berth registry serve --listen 0.0.0.0:5000 --token-file /etc/berth/token\n\n\
     An image app:1 is offered as HOST:PORT/app:1. Everybody who reaches the port may pull; whoever knows the token\n\
     may push, with it as the password of any user. There is no TLS: put a proxy before it on networks you do not trust.",
);

/// Offer the local images as a registry, until SIGTERM or SIGINT.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// File with the token of those who may push; without it nobody may
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Run for Serve {
    async fn run(self, context: &Context) -> Outcome {
        let token = self.token_file.as_ref().map(token).transpose()?;
        let store = Store::open(&context.globals.root)
            .map_err(|error| Failure::new(format!("the image store: {}", engine::chain(&error))))?;
        let listener = TcpListener::bind(self.listen).await;
        let listener =
            listener.map_err(|e| Failure::new(format!("cannot listen on {}: {e}", self.listen)))?;
        let failed = |e: std::io::Error| Failure::new(format!("cannot wait for signals: {e}"));
        let (mut term, mut int) = (
            signal(SignalKind::terminate()).map_err(failed)?,
            signal(SignalKind::interrupt()).map_err(failed)?,
        );
        let address = listener.local_addr().unwrap_or(self.listen);
        let writers =
            if token.is_some() { "with the token may push" } else { "may push: there is no --token-file" };
        let who = if token.is_some() { "Whoever comes" } else { "Nobody" };
        output::note(&format!("Serving on http://{address}/v2/. {who} {writers}."));
        tokio::select! {
            ended = serve(listener, store, ServerOptions { token, ..ServerOptions::default() }) => match ended {
                Ok(never) => match never {},
                Err(error) => Err(Failure::new(format!("the registry ended: {error}"))),
            },
            _ = term.recv() => Ok(Exit::SUCCESS),
            _ = int.recv() => Ok(Exit::SUCCESS),
        }
    }
}

fn token(path: &PathBuf) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
    let token = text.trim().to_owned();
    if token.len() < 8 {
        return Err(Failure::new(format!("the token in {} is shorter than 8 characters", path.display())));
    }
    Ok(token)
}
