//! The loop: one `poll` over the container's streams, its end, and the clients.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{WaitOptions, WaitStatus};
use time::OffsetDateTime;

use super::connection::{Connection, Received};
use super::files;
use super::input::Input;
use super::other;
use super::output::Output;
use super::stdio::Ends;
use super::task::Task;
use super::terminal::Terminal;
use crate::protocol::{ExitRecord, Failure, FailureKind, ProcessId, Request, Response, State, StreamName};

/// How long after the end of a container's process its output is waited for, when some other process
/// still holds it open.
const DRAIN: Duration = Duration::from_millis(500);
/// How long after the end a client that takes nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long streams are kept open for those in dialogue to hang up first.
const COURTESY: Duration = Duration::from_millis(100);
/// Bytes of standard input read from a client at once.
const INPUT_CHUNK: usize = 8 * 1024;

/// More clients than these have to wait until others leave.
const MANY_CLIENTS: usize = 500;

/// Where the container is in its life.
#[derive(Debug)]
enum Phase {
    Created,
    Running,
    /// The process has ended; its output may not have been read to its end.
    Draining {
        since: Instant,
    },
    /// Everything is done but for clients that have not taken everything.
    Leaving {
        since: Instant,
    },
}

/// Something that can become ready.
#[derive(Debug, Clone, Copy)]
enum Source {
    Signals,
    Listener,
    Output(StreamName),
    Input,
    Client(usize),
}

/// What the loop is given.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) shim: ProcessId,
    /// Whether this is a container, with files of its own, or an exec.
    pub(super) is_container: bool,
    pub(super) task: Task,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) terminal: Terminal,
    pub(super) signals: OwnedFd,
    pub(super) listener: UnixListener,
    pub(super) control: Connection,
}

/// The shim at work.
#[derive(Debug)]
pub(super) struct Shim {
    id: String,
    shim: ProcessId,
    is_container: bool,
    task: Task,
    input: Input,
    output: Output,
    terminal: Terminal,
    signals: OwnedFd,
    listener: UnixListener,
    clients: Vec<Connection>,
    phase: Phase,
    started_at: Option<OffsetDateTime>,
    failure: Option<Failure>,
    record: Option<ExitRecord>,
    /// When a client or the container last took or gave something.
    progress: Instant,
}

impl Shim {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            id: parts.id,
            shim: parts.shim,
            is_container: parts.is_container,
            task: parts.task,
            input: parts.input,
            output: parts.output,
            terminal: parts.terminal,
            signals: parts.signals,
            listener: parts.listener,
            clients: vec![parts.control],
            phase: Phase::Created,
            started_at: None,
            failure: None,
            record: None,
            progress: Instant::now(),
        }
    }

    /// Whether this is the shim of a container, not of an exec.
    pub(super) fn is_container(&self) -> bool {
        self.is_container
    }

    /// The container's state now.
    pub(super) fn state(&self) -> State {
        State {
            id: self.id.clone(),
            shim: self.shim,
            process: self.task.process.unwrap_or(ProcessId { pid: 0, start_time: 0 }),
            cgroup: self.task.cgroup.clone(),
            started_at: self.started_at,
            warnings: self.task.warnings.clone(),
        }
    }

    /// Writes the container's state down, for an engine that finds no shim later.
    pub(super) fn write_state(&self) -> std::io::Result<()> {
        if self.is_container { files::write_state(&self.state()) } else { Ok(()) }
    }

    /// Undoes the creation.
    pub(super) fn destroy(mut self) {
        let _ = self.task.signal(libc::SIGKILL, true);
        while rustix::process::wait(WaitOptions::empty()).is_ok() {}
        self.task.clean_up();
    }

    /// Tells the engine that the container exists.
    pub(super) fn announce(&mut self) {
        let response = Response::Created(self.state());
        self.clients.iter_mut().for_each(|client| client.respond(&response));
    }

    /// Works until the container has ended and everybody knows.
    pub(super) fn run(mut self) {
        while !self.has_left() {
            for (source, flags) in self.wait() {
                self.handle(source, flags);
            }
            self.clients.retain(|client| !client.is_done());
            self.advance();
        }
    }

    fn has_left(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. }) && self.clients.is_empty()
    }

    /// Waits until something is ready.
    fn wait(&self) -> Vec<(Source, PollFlags)> {
        let (sources, mut fds) = self.interests();
        let timeout = self.timeout().and_then(|timeout| Timespec::try_from(timeout).ok());
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return Vec::new();
        }
        let ready = sources.into_iter().zip(&fds).map(|(source, fd)| (source, fd.revents()));
        ready.filter(|(_, flags)| !flags.is_empty()).collect()
    }

    fn interests(&self) -> (Vec<Source>, Vec<PollFd<'_>>) {
        let mut sources = Vec::with_capacity(8);
        let mut fds = Vec::with_capacity(8);
        let mut add = |source, fd, flags| {
            sources.push(source);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        };
        add(Source::Signals, self.signals.as_fd(), PollFlags::IN);
        if self.clients.len() < MANY_CLIENTS {
            add(Source::Listener, self.listener.as_fd(), PollFlags::IN);
        }
        if !self.is_held_back() {
            for stream in [StreamName::Stdout, StreamName::Stderr] {
                if let Some(fd) = self.output.source(stream) {
                    add(Source::Output(stream), fd, PollFlags::IN);
                }
            }
        }
        if let Some(fd) = self.input.blocked_on() {
            add(Source::Input, fd, PollFlags::OUT);
        }
        let room = self.input.has_room();
        for (n, client) in self.clients.iter().enumerate() {
            if let Some((fd, flags)) = client.interest(room) {
                add(Source::Client(n), fd, flags);
            }
        }
        (sources, fds)
    }

    fn is_held_back(&self) -> bool {
        self.clients.iter().any(|client| client.is_attached() && client.is_blocked())
    }

    fn timeout(&self) -> Option<Duration> {
        let until = match self.phase {
            Phase::Created | Phase::Running => return None,
            Phase::Draining { since } if !self.is_held_back() => since + DRAIN,
            Phase::Leaving { since } if since.elapsed() < COURTESY => since + COURTESY,
            Phase::Draining { .. } | Phase::Leaving { .. } => self.progress + PATIENCE,
        };
        Some(until.saturating_duration_since(Instant::now()))
    }

    fn handle(&mut self, source: Source, flags: PollFlags) {
        self.progress = Instant::now();
        match source {
            Source::Signals => self.reap(),
            Source::Listener => self.accept(),
            // An earlier source of this round may have made a client hold the output back.
            Source::Output(_) if self.is_held_back() => {}
            Source::Output(stream) => self.output.pump(stream, &mut self.clients),
            Source::Input => self.input.flush(),
            Source::Client(n) => self.serve(n, flags),
        }
    }

    fn accept(&mut self) {
        let Ok((socket, _)) = self.listener.accept() else { return };
        let peer = rustix::net::sockopt::socket_peercred(&socket);
        let own = rustix::process::geteuid();
        if peer.is_ok_and(|peer| peer.uid.is_root() || peer.uid == own)
            && let Ok(client) = Connection::new(socket)
        {
            self.clients.push(client);
        }
    }

    fn serve(&mut self, n: usize, flags: PollFlags) {
        let client = &mut self.clients[n];
        if flags.intersects(PollFlags::HUP | PollFlags::ERR) {
            client.hang_up();
        }
        if flags.contains(PollFlags::OUT) {
            client.flush();
        }
        let must_wait = client.is_attached() && !self.input.has_room();
        if must_wait || !flags.intersects(PollFlags::IN | PollFlags::HUP) {
            return;
        }
        let mut buffer = [0; INPUT_CHUNK];
        let mut received = client.receive(&mut buffer);
        while let Some(item) = received {
            match item {
                Received::Input(bytes) => self.input.push(&bytes),
                Received::InputEnd => self.input.client_ended(),
                Received::Request(request) => self.answer(n, request),
            }
            received = self.clients[n].next_request();
        }
    }

    fn answer(&mut self, n: usize, request: Request) {
        let answer = match request {
            Request::State => Ok(Response::Created(self.state())),
            Request::Start => self.start().map(|()| Response::Started(self.state())),
            Request::Resize(size) => self.terminal.resize(size).map(|()| Response::Done),
            Request::Signal { signal, all } => self.signal(signal, all).map(|()| Response::Done),
            Request::CloseStdin => {
                self.input.close();
                Ok(Response::Done)
            }
            Request::Attach(streams) => {
                let early = self.clients[n].attach(streams);
                if streams.stdin {
                    self.input.push(&early);
                }
                return;
            }
            Request::Wait => return self.clients[n].wait(),
        };
        self.clients[n].respond(&answer.unwrap_or_else(Response::Failed));
    }

    fn start(&mut self) -> Result<(), Failure> {
        if !matches!(self.phase, Phase::Created) {
            return Err(Failure::message(FailureKind::Conflict, "the process has been started already"));
        }
        self.phase = Phase::Running;
        match self.task.start() {
            Ok(late_ends) => {
                self.started_at = Some(OffsetDateTime::now_utc());
                late_ends.map_or(Ok(()), |ends| self.connect(ends).map_err(|error| other(&error)))
            }
            Err(failure) => {
                self.failure = Some(failure.clone());
                self.give_up(failure.kind.exit_code());
                Err(failure)
            }
        }
    }

    /// The process is not to run (any more).
    fn give_up(&mut self, exit_code: i32) {
        match self.task.process {
            // It is reaped like any other.
            Some(_) => drop(self.task.signal(libc::SIGKILL, false)),
            None => self.end(exit_code, None),
        }
    }

    /// Takes a terminal that did not exist before the start.
    fn connect(&mut self, ends: Ends) -> std::io::Result<()> {
        self.terminal.connect(ends.stdout.as_ref())?;
        self.input.connect(ends.stdin);
        self.output.connect(ends.stdout);
        Ok(())
    }

    fn signal(&self, signal: i32, all: bool) -> Result<(), Failure> {
        match self.phase {
            Phase::Created | Phase::Running => self.task.signal(signal, all),
            _ => Err(Failure::message(FailureKind::Conflict, "the process has ended")),
        }
    }

    /// Reaps all that have ended: the container's process, and orphans that fell to the shim.
    fn reap(&mut self) {
        let mut signals = [0; 1024];
        while rustix::io::read(&self.signals, &mut signals).is_ok() {}
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if self.record.is_none() && self.task.process.is_some_and(|own| own.pid == pid.as_raw_pid()) {
                let signal = status.terminating_signal();
                self.end(exit_code(status), signal);
            }
        }
    }

    /// The process has ended: writes it down before anything else.
    fn end(&mut self, exit_code: i32, signal: Option<i32>) {
        let failure = self.failure.clone();
        let record = ExitRecord {
            exit_code: failure.as_ref().map_or(exit_code, |failure| failure.kind.exit_code()),
            signal: signal.filter(|_| failure.is_none()),
            oom_killed: self.task.oom_killed(),
            started_at: self.started_at,
            finished_at: OffsetDateTime::now_utc(),
            warnings: Vec::new(),
            failure,
        };
        self.write(&record);
        self.record = Some(record);
        self.task.kill_rest();
        self.phase = Phase::Draining { since: Instant::now() };
    }

    fn write(&self, record: &ExitRecord) {
        if self.is_container {
            // Without it the engine, finding neither shim nor record, takes the exit code for unknown.
            let _ = files::write_exit(record);
        }
    }

    /// Goes on to the next phase if it is time.
    fn advance(&mut self) {
        match self.phase {
            Phase::Created if self.clients.is_empty() => {
                // Whoever asked for it has gone before starting it: nobody will.
                self.phase = Phase::Running;
                self.give_up(FailureKind::Other.exit_code());
            }
            Phase::Created | Phase::Running => {}
            Phase::Draining { since } => {
                self.give_up_on_stuck_clients();
                let drained = self.output.has_ended() || (since.elapsed() >= DRAIN && !self.is_held_back());
                if drained {
                    self.leave();
                }
            }
            Phase::Leaving { since } => self.let_clients_go(since),
        }
    }

    /// Everything the container left is dealt with: tells those who wait.
    fn leave(&mut self) {
        self.output.close();
        self.task.clean_up();
        if let (Some(warning), Some(record)) = (self.output.log_warning(), &mut self.record) {
            record.warnings.push(warning);
        }
        if let Some(record) = self.record.as_ref().filter(|record| !record.warnings.is_empty()) {
            self.write(record);
        }
        let since = Instant::now();
        self.phase = Phase::Leaving { since };
        self.let_clients_go(since);
    }

    /// Streams end after the dialogues: who sees the end of a stream and asks the engine for the exit code
    /// finds that the engine has heard of it.
    fn let_clients_go(&mut self, since: Instant) {
        self.give_up_on_stuck_clients();
        if let Some(record) = self.record.clone() {
            let exited = Response::Exited(record);
            self.clients.iter_mut().for_each(|client| client.end_dialogue(&exited));
        }
        if self.clients.iter().all(Connection::is_attached) || since.elapsed() >= COURTESY {
            self.clients.retain_mut(|client| client.is_blocked() || !client.close());
        }
    }

    fn give_up_on_stuck_clients(&mut self) {
        if self.progress.elapsed() >= PATIENCE {
            self.clients.iter_mut().filter(|client| client.is_blocked()).for_each(Connection::hang_up);
            self.clients.retain(|client| !client.is_done());
        }
    }
}

fn exit_code(status: WaitStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 255,
    }
}
