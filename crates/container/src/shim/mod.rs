//! The shim: the process that stands by one container (or one exec'd process) for its whole life.
//!
//! It creates the process through [`runtime`](crate::runtime), or a program with runc's command line,
//! holds its standard streams, logs its output, serves clients by the
//! [`protocol`](crate::protocol), reaps it, writes down how it ended, removes its control group, and
//! leaves. It depends on nobody: engines come and go.
//!
//! One thread, one loop around `poll`, no async runtime, bounded buffers: what a client does not take is
//! not read from the container, so a slow client slows the container down and a client that vanishes is
//! forgotten. A shim that is killed takes the container's pipes with it, and the kernel ends the container's
//! first process: nobody would read its output or tell its end. A process that has changed its user since, or
//! that an external runtime made, is not ended that way. The engine sees the shim's end by its control connection (a
//! later engine finds `state.json` without a listener and without `exit.json`, see
//! [`client::find`](crate::client::find)) and ends what is left by its control group.

mod connection;
mod event_loop;
mod external;
mod files;
mod input;
mod output;
mod setup;
mod stdio;
mod task;
mod terminal;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::net::SendFlags;

use crate::log::LogWriter;
use crate::protocol::{Failure, FailureKind, Kind, ProcessId, Response};
use crate::sys::shim as sys;
use connection::Connection;
use event_loop::{Parts, Shim};
use input::Input;
use output::Output;
use task::Task;
use terminal::Terminal;

/// Runs this process as a shim; see [`protocol`](crate::protocol) for what it is given and says.
///
/// # Assumptions
/// Nothing but the standard streams is open, no other thread exists.
pub fn main() -> ! {
    let Ok((control, config)) = setup::take_streams() else { std::process::exit(1) };
    match prepare(&control, config) {
        Ok(mut shim) => {
            shim.announce();
            if shim.is_container() {
                setup::protect_from_oom();
            }
            sys::trim_heap();
            shim.run();
            std::process::exit(0)
        }
        Err(failure) => {
            report(&control, failure);
            std::process::exit(1)
        }
    }
}

/// Everything up to the created container.
fn prepare(control: &UnixStream, config: OwnedFd) -> Result<Shim, Failure> {
    let config = setup::read_config(config).map_err(|error| other(&error))?;
    let signals = setup::detach(&config).map_err(|error| other(&error))?;
    std::panic::set_hook(Box::new(|panic| files::write_panic(&panic.to_string())));
    let shim = ProcessId::of(std::process::id() as i32).map_err(|error| other(&error))?;
    let log = config.log.clone().map(LogWriter::open).transpose().map_err(|error| other(&error))?;
    let listener = setup::listen().map_err(|error| other(&error))?;
    let control = control.try_clone().and_then(Connection::new).map_err(|error| other(&error))?;
    let (task, ends) = Task::create(&config)?;
    let mut terminal = Terminal::new(config.tty(), config.console_size);
    terminal.connect(ends.stdout.as_ref()).map_err(|error| other(&error))?;
    let shim = Shim::new(Parts {
        id: config.id.clone(),
        shim,
        is_container: matches!(config.kind, Kind::Init(_)),
        input: Input::new(ends.stdin, config.stdin, config.tty()),
        output: Output::new(ends.stdout, ends.stderr, log, !config.tty()),
        task,
        terminal,
        signals,
        listener,
        control,
    });
    match shim.write_state() {
        Ok(()) => Ok(shim),
        Err(error) => {
            shim.destroy();
            Err(other(&error))
        }
    }
}

fn report(control: &UnixStream, failure: Failure) {
    let mut line = serde_json::to_vec(&Response::Failed(failure)).unwrap_or_default();
    line.push(b'\n');
    // The socket's buffer is empty, so nothing is cut off. If nobody listens any more, nobody cares.
    let _ = rustix::net::send(control, &line, SendFlags::NOSIGNAL);
}

fn other(error: &dyn std::error::Error) -> Failure {
    Failure::new(FailureKind::Other, error)
}
