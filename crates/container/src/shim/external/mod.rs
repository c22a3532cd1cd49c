//! Containers made by another runtime program, by runc's command line.
//!
//! The shim mounts the root file system in a mount namespace of its own, which the runtime inherits. The
//! runtime's processes fall to the shim as orphans, so that it reaps them like its own.

mod bundle;
mod console;
mod program;

use std::io;
use std::path::{Path, PathBuf};

use self::console::Console;
use self::program::{Program, Streams};
use super::other;
use super::stdio::{self, Ends};
use crate::protocol::{ExecKind, Failure, InitKind, Kind, ProcessId, ShimConfig, StdinPolicy};
use crate::runtime::Stdio;

/// Directory for the runtime's own state, in the container's run directory.
const STATE_ROOT: &str = "runtime";

/// A container, or a process in one, of another runtime.
#[derive(Debug)]
pub(super) struct External {
    program: Program,
    container: String,
    pid_file: PathBuf,
    /// What an exec is to be run with; this runtime can only create and start it at once.
    exec: Option<PreparedExec>,
    is_container: bool,
}

#[derive(Debug)]
struct PreparedExec {
    process_file: PathBuf,
    streams: Streams,
    console: Option<Console>,
    stdin: StdinPolicy,
}

impl External {
    /// Creates a container, or prepares an exec; the latter has no process before its start.
    pub(super) fn create(
        config: &ShimConfig,
        program: &Path,
    ) -> Result<(Self, Option<ProcessId>, Ends), Failure> {
        match &config.kind {
            Kind::Init(init) => create_container(config, init, program),
            Kind::Exec(exec) => prepare_exec(config, exec, program),
        }
    }

    /// Runs the process. Says which it is, and what its terminal is if it has been made only now.
    pub(super) fn start(&mut self) -> Result<(ProcessId, Option<Ends>), Failure> {
        let ends = match self.exec.take() {
            None => {
                let args = [Path::new("start"), Path::new(&self.container)];
                self.program.run(args, Streams::default())?;
                None
            }
            Some(exec) => self.start_exec(exec)?,
        };
        let process = read_pid(&self.pid_file).map_err(|error| other(&error))?;
        Ok((process, ends))
    }

    fn start_exec(&self, exec: PreparedExec) -> Result<Option<Ends>, Failure> {
        let mut args = vec![Path::new("exec"), Path::new("--detach"), Path::new("--process")];
        args.extend([&*exec.process_file, Path::new("--pid-file"), &*self.pid_file]);
        args.extend(exec.console.iter().flat_map(Console::args));
        args.push(Path::new(&self.container));
        self.program.run(args, exec.streams)?;
        exec.console.as_ref().map(|console| receive(console, exec.stdin)).transpose()
    }

    /// Removes what the runtime keeps of the container.
    pub(super) fn delete(&mut self) {
        if self.is_container {
            let args = [Path::new("delete"), Path::new("--force"), Path::new(&self.container)];
            // What is left then goes with the run directory.
            let _ = self.program.run(args, Streams::default());
        }
    }
}

fn create_container(
    config: &ShimConfig,
    init: &InitKind,
    program: &Path,
) -> Result<(External, Option<ProcessId>, Ends), Failure> {
    let bundle = config.run_dir.join("bundle");
    bundle::make(&bundle, init).map_err(|error| other(&error))?;
    let program = Program::new(program, &config.run_dir.join(STATE_ROOT), &config.run_dir);
    let pid_file = config.run_dir.join("pid");
    let (streams, console, mut ends) = streams(config)?;
    let mut args =
        vec![Path::new("create"), Path::new("--bundle"), &bundle, Path::new("--pid-file"), &pid_file];
    args.extend(console.iter().flat_map(Console::args));
    args.push(Path::new(&config.id));
    program.run(args, streams)?;
    if let Some(console) = &console {
        ends = receive(console, config.stdin)?;
    }
    let process = read_pid(&pid_file).map_err(|error| other(&error))?;
    let container = config.id.clone();
    Ok((External { program, container, pid_file, exec: None, is_container: true }, Some(process), ends))
}

fn prepare_exec(
    config: &ShimConfig,
    exec: &ExecKind,
    program: &Path,
) -> Result<(External, Option<ProcessId>, Ends), Failure> {
    let process_file = config.run_dir.join("process.json");
    bundle::write_json(&process_file, &exec.process).map_err(|error| other(&error))?;
    let (streams, console, ends) = streams(config)?;
    let external = External {
        program: Program::new(program, &exec.container_dir.join(STATE_ROOT), &config.run_dir),
        container: exec.container.clone(),
        pid_file: config.run_dir.join("pid"),
        exec: Some(PreparedExec { process_file, streams, console, stdin: config.stdin }),
        is_container: false,
    };
    Ok((external, None, ends))
}

/// What the runtime's process gets as its streams, or where its terminal will be sent.
fn streams(config: &ShimConfig) -> Result<(Streams, Option<Console>, Ends), Failure> {
    if config.tty() {
        let console = Console::listen(&config.run_dir).map_err(|error| other(&error))?;
        return Ok((Streams::default(), Some(console), Ends::default()));
    }
    let (stdio, ends) = stdio::pipes(config.stdin).map_err(|error| other(&error))?;
    let streams = match stdio {
        Stdio::Fds { stdin, stdout, stderr } => Streams::new(stdin, stdout, stderr),
        Stdio::Inherit | Stdio::Console => Streams::default(),
    };
    Ok((streams, None, ends))
}

fn receive(console: &Console, stdin: StdinPolicy) -> Result<Ends, Failure> {
    console.receive().and_then(|master| stdio::terminal(master, stdin)).map_err(|error| other(&error))
}

fn read_pid(pid_file: &Path) -> io::Result<ProcessId> {
    let text = std::fs::read_to_string(pid_file)?;
    let pid = text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    ProcessId::of(pid)
}
