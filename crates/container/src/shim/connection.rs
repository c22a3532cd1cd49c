//! One connected client: first a dialogue, then perhaps the container's streams.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::protocol::{AttachStreams, Failure, FailureKind, Request, Response, StreamName};

/// A longer request is none.
const LONGEST_REQUEST: usize = 4096;

/// What the connection is used for.
#[derive(Debug)]
enum Mode {
    /// Requests and responses; holds the beginning of a request.
    Dialogue(Vec<u8>),
    /// Nothing more is read: the answer comes with the container's end.
    Waiting,
    /// The last word has been said.
    Ended,
    /// The container's streams.
    Attached { streams: AttachStreams, input_open: bool },
}

/// What a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A request.
    Request(Request),
    /// Standard input.
    Input(Vec<u8>),
    /// End of standard input.
    InputEnd,
}

/// One connected client.
#[derive(Debug)]
pub(super) struct Connection {
    socket: UnixStream,
    mode: Mode,
    /// What the client has not taken yet. Bounded: one response, or one read of output and its frame.
    pending: Vec<u8>,
    /// The client has closed its end altogether, or broken the rules.
    gone: bool,
}

impl Connection {
    pub(super) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, mode: Mode::Dialogue(Vec::new()), pending: Vec::new(), gone: false })
    }

    /// Whether nothing more is to be had from or brought to this client.
    pub(super) fn is_done(&self) -> bool {
        self.gone && !self.reads_input()
    }

    /// Whether the client must take something before anything more can be sent.
    pub(super) fn is_blocked(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the connection carries streams.
    pub(super) fn is_attached(&self) -> bool {
        matches!(self.mode, Mode::Attached { .. })
    }

    fn reads_input(&self) -> bool {
        matches!(self.mode, Mode::Attached { input_open: true, .. })
    }

    /// What to wait for; `None` when nothing can be done about this client now.
    pub(super) fn interest(&self, input_has_room: bool) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let reads = match &self.mode {
            Mode::Dialogue(_) => !self.is_blocked(),
            Mode::Waiting | Mode::Ended => false,
            Mode::Attached { input_open, .. } => *input_open && input_has_room,
        };
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, reads);
        flags.set(PollFlags::OUT, self.is_blocked());
        // The hang-up of a client that is known to be gone is reported without end.
        (!flags.is_empty() || !self.gone).then(|| (self.socket.as_fd(), flags))
    }

    /// The client has closed its end: it takes no output; what it sent before is still there to be read.
    pub(super) fn hang_up(&mut self) {
        self.gone = true;
        self.pending = Vec::new();
    }

    /// Reads once: into `buffer`, at most.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<Received> {
        let read = match rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((_, n)) => n,
            Err(Errno::AGAIN | Errno::INTR) => return None,
            Err(_) => 0,
        };
        let bytes = &buffer[..read];
        match &mut self.mode {
            Mode::Dialogue(line) => {
                if read == 0 || line.len() + read > LONGEST_REQUEST {
                    self.hang_up();
                    return None;
                }
                line.extend_from_slice(bytes);
                self.next_request()
            }
            Mode::Waiting | Mode::Ended => None,
            Mode::Attached { input_open, .. } if read == 0 => {
                *input_open = false;
                Some(Received::InputEnd)
            }
            Mode::Attached { .. } => Some(Received::Input(bytes.to_vec())),
        }
    }

    /// The next request that has been received already.
    pub(super) fn next_request(&mut self) -> Option<Received> {
        let Mode::Dialogue(line) = &mut self.mode else { return None };
        let end = line.iter().position(|&b| b == b'\n')?;
        let request = serde_json::from_slice::<Request>(&line[..end]);
        line.drain(..=end);
        match request {
            Ok(request) => Some(Received::Request(request)),
            Err(error) => {
                self.respond(&Response::Failed(Failure::new(FailureKind::BadRequest, &error)));
                None
            }
        }
    }

    /// Answers a request.
    pub(super) fn respond(&mut self, response: &Response) {
        let mut line = serde_json::to_vec(response).unwrap_or_default();
        line.push(b'\n');
        self.send(&line);
    }

    /// The client now waits for the end.
    pub(super) fn wait(&mut self) {
        self.mode = Mode::Waiting;
    }

    /// The connection now carries streams. What followed the request already is input, and returned.
    pub(super) fn attach(&mut self, streams: AttachStreams) -> Vec<u8> {
        self.respond(&Response::Attached);
        let mode = Mode::Attached { streams, input_open: streams.stdin };
        match std::mem::replace(&mut self.mode, mode) {
            Mode::Dialogue(early) => early,
            _ => Vec::new(),
        }
    }

    /// Sends output, framed already where frames are due, if the client wants this stream.
    pub(super) fn output(&mut self, stream: StreamName, bytes: &[u8]) {
        let Mode::Attached { streams, .. } = &self.mode else { return };
        let wanted = match stream {
            StreamName::Stdout => streams.stdout,
            StreamName::Stderr => streams.stderr,
        };
        if wanted {
            self.send(bytes);
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        if self.gone {
            return;
        }
        let sent = if self.is_blocked() { 0 } else { self.send_now(bytes) };
        if !self.gone {
            self.pending.extend_from_slice(&bytes[sent..]);
        }
    }

    /// Sends what the client has room for.
    pub(super) fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let sent = self.send_now(&pending);
        if !self.gone && sent < pending.len() {
            self.pending = pending[sent..].to_vec();
        }
    }

    fn send_now(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            match rustix::net::send(&self.socket, &bytes[sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(n) => sent += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    self.hang_up();
                    break;
                }
            }
        }
        sent
    }

    /// Says the last that is ever said in a dialogue, asked for or not.
    pub(super) fn end_dialogue(&mut self, exited: &Response) {
        if matches!(self.mode, Mode::Dialogue(_) | Mode::Waiting) {
            self.mode = Mode::Ended;
            self.respond(exited);
        }
    }

    /// Says goodbye to a client that has taken everything. Always says that it can be dropped.
    ///
    /// What the client still sends is taken in first: closing a socket with unread bytes would look to
    /// it like a broken connection rather than its end.
    pub(super) fn close(&mut self) -> bool {
        let mut buffer = [0; 1024];
        while let Ok((_, 1..)) = rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT) {}
        true
    }
}
