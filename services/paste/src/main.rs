#![forbid(unsafe_code)]
//! The paste service.

use clap::{Parser, Subcommand};
use paste::{Settings, Store};
use std::{
    error::Error,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

/// Keeps pastes on disk and speaks pastebin.com's protocol.
#[derive(Debug, Parser)]
#[command(name = "paste", version)]
struct Cli {
    /// Address of the HTTP server.
    #[arg(long, env = "PASTE_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    listen: SocketAddr,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve pastes.
    Serve(Serve),
    /// Ask the service at the port of --listen whether it is well: for health checks.
    Health,
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Where pastes are kept.
    #[arg(long, env = "PASTE_DATA", default_value = "pastes")]
    data: PathBuf,
    /// What URLs of pastes begin with.
    #[arg(long, env = "PASTE_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    public_url: String,
    /// File with the developer key that posts must carry. Or set PASTE_KEY. Without either any key is taken.
    #[arg(long, env = "PASTE_KEY_FILE")]
    key_file: Option<PathBuf>,
}

#[expect(clippy::print_stderr, reason = "this is where the user is told")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(serve) => run(cli.listen, serve),
        Command::Health => health(cli.listen),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("paste: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(listen: SocketAddr, serve: Serve) -> Result<(), Box<dyn Error>> {
    use tokio::signal::unix::{SignalKind, signal};
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let key = match &serve.key_file {
        Some(path) => Some(std::fs::read_to_string(path)?.trim_end().to_owned()),
        None => std::env::var("PASTE_KEY").ok(),
    };
    let store = Store::open(&serve.data)?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = tokio::net::TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let settings = Settings { public_url: serve.public_url.trim_end_matches('/').to_owned(), key };
    // Clients keep connections: waiting for them to be closed would wait for nothing.
    tokio::select! {
        result = std::future::IntoFuture::into_future(axum::serve(listener, paste::router(store, settings))) => result?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn health(listen: SocketAddr) -> Result<(), Box<dyn Error>> {
    let limit = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], listen.port())), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(1024).read_to_string(&mut answer)?;
    let well = answer.split(' ').nth(1) == Some("200");
    if well { Ok(()) } else { Err("it answers, but not with success".into()) }
}
