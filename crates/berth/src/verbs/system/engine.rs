//! `berth engine`: run, ask and stop the engine.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use api::server::TlsFiles;
use clap::{FromArgMatches, ValueEnum};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::cli::{Context, Globals, Run, Verb, verb};
use crate::daemon::Tcp;
use crate::failure::{Exit, Failure, Outcome};
use crate::{daemon, output};

/// The command.
pub(crate) const VERB: Verb =
    verb::<Engine>("engine", "Run the engine in the foreground, or ask and stop it")
        .direct(|globals, matches| {
            Engine::from_arg_matches(matches).map_err(Failure::from)?.execute(&globals)
        })
        .examples(
            "Examples:\n  berth engine            serve in the foreground\n  berth engine status     \
         tell whether an engine answers\n  berth engine stop       stop it; containers go on",
        );

/// Run the engine in the foreground, or ask and stop the one that runs.
///
/// Commands start the engine by themselves when they need it. Containers go on without it.
#[derive(Debug, clap::Args)]
pub(crate) struct Engine {
    /// What to do
    #[arg(value_enum, default_value_t = Action::Run)]
    action: Action,
    /// Started by a command that waits for `ready` on standard output
    #[arg(long, hide = true)]
    on_demand: bool,
    /// Listen on TCP too, behind mutual TLS
    #[arg(long, value_name = "HOST:PORT", requires_all = ["tls_ca", "tls_cert", "tls_key"])]
    tcp: Option<String>,
    /// Authority whose certificates clients must show, in PEM
    #[arg(long, value_name = "FILE", requires = "tcp")]
    tls_ca: Option<PathBuf>,
    /// The engine's certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tcp")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tcp")]
    tls_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Action {
    /// Serve until SIGTERM or SIGINT
    Run,
    /// Say whether an engine answers, and its process
    Status,
    /// Stop the engine and wait until it is gone
    Stop,
}

impl Run for Engine {
    async fn run(self, context: &Context) -> Outcome {
        self.execute(&context.globals)
    }
}

impl Engine {
    fn execute(self, globals: &Globals) -> Outcome {
        match self.action {
            Action::Run => {
                let on_demand = self.on_demand;
                daemon::run(globals, on_demand, self.tcp())
            }
            Action::Status => status(globals),
            Action::Stop => stop(globals),
        }
    }
}

impl Engine {
    /// The port to listen on, when one was given with all that belongs to it.
    fn tcp(self) -> Option<Tcp> {
        let files = TlsFiles { ca: self.tls_ca?, cert: self.tls_cert?, key: self.tls_key? };
        Some(Tcp { address: self.tcp?, files })
    }
}

fn status(globals: &Globals) -> Outcome {
    match engine_pid(globals)? {
        Some(pid) => {
            output::line(&format!(
                "running, process {}, socket {}",
                pid.as_raw_nonzero(),
                globals.own_socket().display()
            ))?;
            Ok(Exit::SUCCESS)
        }
        None => {
            output::line(&format!("not running, socket {}", globals.own_socket().display()))?;
            Ok(Exit(3))
        }
    }
}

fn stop(globals: &Globals) -> Outcome {
    let Some(pid) = engine_pid(globals)? else {
        output::note("berth: the engine is not running");
        return Ok(Exit::SUCCESS);
    };
    let failed = |e: rustix::io::Errno| Failure::new(format!("cannot stop the engine: {e}"));
    let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(failed)?;
    pidfd_send_signal(&handle, Signal::TERM).map_err(failed)?;
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], None).map_err(failed)?;
    Ok(Exit::SUCCESS)
}

/// The process on the other end of the socket; `None` when nobody listens.
fn engine_pid(globals: &Globals) -> Result<Option<Pid>, Failure> {
    match UnixStream::connect(globals.own_socket()) {
        Ok(stream) => Ok(Some(rustix::net::sockopt::socket_peercred(&stream).map_err(io::Error::from)?.pid)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(e) => Err(Failure::new(format!("cannot connect to {}: {e}", globals.own_socket().display()))),
    }
}
