//! The way from the container's output to the log and to clients.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use time::OffsetDateTime;

use super::connection::Connection;
use crate::log::LogWriter;
use crate::protocol::StreamName;
use crate::protocol::frame::{self, HEADER};

/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// The container's output.
///
/// A client that does not take its output holds the container back: nothing is read while any client
/// has not taken what was read before. So memory is bounded and nothing is lost, as with Docker. A
/// client that vanishes holds nothing back.
#[derive(Debug)]
pub(super) struct Output {
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    log: Option<LogWriter>,
    /// Whether clients get frames: without a terminal.
    framed: bool,
    /// Room for a frame's header, and what is read behind it.
    buffer: Box<[u8; HEADER + CHUNK]>,
}

impl Output {
    pub(super) fn new(
        stdout: Option<OwnedFd>,
        stderr: Option<OwnedFd>,
        log: Option<LogWriter>,
        framed: bool,
    ) -> Self {
        Self { stdout, stderr, log, framed, buffer: Box::new([0; HEADER + CHUNK]) }
    }

    /// Takes a terminal that did not exist before.
    pub(super) fn connect(&mut self, terminal: Option<OwnedFd>) {
        self.stdout = terminal;
    }

    /// A stream that has not ended.
    pub(super) fn source(&self, stream: StreamName) -> Option<BorrowedFd<'_>> {
        let source = match stream {
            StreamName::Stdout => &self.stdout,
            StreamName::Stderr => &self.stderr,
        };
        source.as_ref().map(AsFd::as_fd)
    }

    /// Whether both streams have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Reads a stream once and passes it on.
    pub(super) fn pump(&mut self, stream: StreamName, clients: &mut [Connection]) {
        let source = match stream {
            StreamName::Stdout => &self.stdout,
            StreamName::Stderr => &self.stderr,
        };
        let Some(source) = source else { return };
        let read = rustix::io::read(source, &mut self.buffer[HEADER..]);
        match read {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // A terminal nobody has open any more answers EIO.
            Ok(0) | Err(_) => self.end(stream),
            Ok(length) => self.pass_on(stream, length, clients),
        }
    }

    fn pass_on(&mut self, stream: StreamName, length: usize, clients: &mut [Connection]) {
        self.buffer[..HEADER].copy_from_slice(&frame::header(stream, length as u32));
        let framed = &self.buffer[..HEADER + length];
        if let Some(log) = &mut self.log {
            log.append(stream, OffsetDateTime::now_utc(), &framed[HEADER..]);
        }
        let sent = if self.framed { framed } else { &framed[HEADER..] };
        for client in clients {
            client.output(stream, sent);
        }
    }

    fn end(&mut self, stream: StreamName) {
        match stream {
            StreamName::Stdout => self.stdout = None,
            StreamName::Stderr => self.stderr = None,
        }
        if let Some(log) = &mut self.log {
            log.finish(stream, OffsetDateTime::now_utc());
        }
    }

    /// Ends both streams, whoever may still have them open.
    pub(super) fn close(&mut self) {
        for stream in [StreamName::Stdout, StreamName::Stderr] {
            if self.source(stream).is_some() {
                self.end(stream);
            }
        }
    }

    /// What the log has lost, in words.
    pub(super) fn log_warning(&self) -> Option<String> {
        let loss = self.log.as_ref()?.loss()?;
        Some(format!("{} log entries could not be written: {}", loss.entries, loss.cause))
    }
}
