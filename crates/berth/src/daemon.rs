//! The engine's process: what `berth engine` in the foreground and the on-demand start run.

use crate::cli::Globals;
use crate::failure::Exit;
use crate::failure::{Failure, Outcome};
use api::server::{Socket, TlsFiles, TlsListener};
use container::runtime::ProtectedExe;
use engine::{Engine, EngineConfig};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Threads that serve clients. Work that blocks has threads of its own.
const WORKERS: usize = 2;

/// A TCP port to listen on.
#[derive(Debug)]
pub(crate) struct Tcp {
    /// `host:port`
    pub(crate) address: String,
    /// What makes it safe.
    pub(crate) files: TlsFiles,
}

async fn listen(tcp: &Tcp) -> Result<TlsListener, Failure> {
    let listener = TlsListener::bind(&tcp.address, &tcp.files).await;
    let listener = listener.map_err(|error| Failure::new(engine::chain(&error)))?;
    if let Ok(address) = listener.address() {
        tracing::info!(%address, "ready on TCP");
    }
    Ok(listener)
}

/// Serves until told to stop. On demand it leaves the caller's session and says `ready` on
/// standard output once its socket is open.
pub(crate) fn run(globals: &Globals, on_demand: bool, tcp: Option<Tcp>) -> Outcome {
    if on_demand {
        // It fails only for a group's leader, which is apart from the caller's session anyway.
        let _ = rustix::process::setsid();
    }
    log_to_stderr(globals.log_level.as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(format!("the engine's threads cannot be started: {error}")))?;
    let served = runtime.block_on(serve(globals, on_demand, tcp));
    // Reads that block for ever (a terminal, a slow disk) must not hold the end up.
    runtime.shutdown_background();
    served
}

async fn serve(globals: &Globals, on_demand: bool, tcp: Option<Tcp>) -> Outcome {
    // What runs inside containers before their programs do must not be writable from there.
    let protected = ProtectedExe::open();
    if let Err(error) = &protected {
        tracing::warn!(%error, "shims run from the program's file itself");
    }
    let program = protected.as_ref().map_or_else(|_| own_program(), ProtectedExe::path);
    let config = EngineConfig { root: globals.root.clone(), run: globals.run.clone(), program };
    let engine = Engine::open(config).await.map_err(|error| Failure::new(engine::chain(&error)))?;
    let socket = Socket::listen(&globals.run.join("berth.sock"));
    let socket = socket.map_err(|error| Failure::new(engine::chain(&error)))?;
    let tcp = match tcp {
        Some(tcp) => Some(listen(&tcp).await?),
        None => None,
    };
    if on_demand {
        say_ready();
    } else {
        tracing::info!(socket = %socket.path().display(), "ready");
    }
    let stopping = engine.clone();
    api::serve(engine, socket, tcp, async move { stop_wanted(&stopping).await }).await;
    Ok(Exit::SUCCESS)
}

/// The program that shims are if it cannot be protected: this one, by path while the file is there, also after an upgrade.
fn own_program() -> PathBuf {
    let path = std::env::current_exe().ok().filter(|path| path.exists());
    path.unwrap_or_else(|| PathBuf::from("/proc/self/exe"))
}

/// Tells the command that waits, and lets go of its pipe.
fn say_ready() {
    let _ = io::stdout().write_all(b"ready\n").and_then(|()| io::stdout().flush());
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

async fn stop_wanted(engine: &Engine) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return engine.stop_requested().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = engine.stop_requested() => {}
    }
}

fn log_to_stderr(level: Option<&str>) {
    let filter = tracing_subscriber::EnvFilter::new(level.unwrap_or("warn"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    subscriber.with_ansi(io::stderr().is_terminal()).init();
}
