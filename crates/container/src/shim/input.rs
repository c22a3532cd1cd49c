//! The way from clients to the container's standard input.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use crate::protocol::StdinPolicy;

/// Standard input. Holds at most one read's worth of bytes; until they are gone, no client is read.
#[derive(Debug)]
pub(super) struct Input {
    sink: Option<OwnedFd>,
    pending: Vec<u8>,
    /// End of input closes it: it is a pipe that only the first client writes to.
    once: bool,
    closing: bool,
}

impl Input {
    pub(super) fn new(sink: Option<OwnedFd>, policy: StdinPolicy, tty: bool) -> Self {
        let once = policy == StdinPolicy::Once && !tty;
        Self { sink, pending: Vec::new(), once, closing: false }
    }

    /// Takes a sink that did not exist before.
    pub(super) fn connect(&mut self, sink: Option<OwnedFd>) {
        self.sink = sink;
    }

    /// Whether clients may be read.
    pub(super) fn has_room(&self) -> bool {
        self.pending.is_empty()
    }

    /// What to wait for, until it can be written to.
    pub(super) fn blocked_on(&self) -> Option<BorrowedFd<'_>> {
        self.sink.as_ref().filter(|_| !self.has_room()).map(AsFd::as_fd)
    }

    /// Takes a client's bytes. Without anybody to read them they are dropped.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.sink.is_some() && !self.closing {
            self.pending.extend_from_slice(bytes);
            self.flush();
        }
    }

    /// A client has ended its input, or has gone.
    pub(super) fn client_ended(&mut self) {
        if self.once {
            self.close();
        }
    }

    /// Ends the container's input once all that was taken has been written.
    pub(super) fn close(&mut self) {
        self.closing = true;
        self.flush();
    }

    /// Writes what it can.
    pub(super) fn flush(&mut self) {
        while let (Some(sink), false) = (&self.sink, self.pending.is_empty()) {
            match rustix::io::write(sink, &self.pending) {
                Ok(n) => drop(self.pending.drain(..n)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // The container has closed its end, or has ended.
                Err(_) => {
                    self.pending.clear();
                    self.sink = None;
                }
            }
        }
        self.pending = Vec::new();
        if self.closing {
            self.sink = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};

    fn piped(policy: StdinPolicy) -> (OwnedFd, Input) {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        (read, Input::new(Some(write), policy, false))
    }

    fn read(fd: &OwnedFd) -> Result<Vec<u8>, Errno> {
        let mut buffer = vec![0; 1 << 20];
        let n = rustix::io::read(fd, &mut buffer)?;
        buffer.truncate(n);
        Ok(buffer)
    }

    #[test]
    fn a_full_pipe_holds_clients_back_and_loses_nothing() {
        let (pipe, mut input) = piped(StdinPolicy::Open);
        let sent = vec![b'x'; 100_000];
        input.push(&sent);
        assert!(!input.has_room() && input.blocked_on().is_some());
        let first = read(&pipe).unwrap().len();
        input.flush();
        assert!(input.has_room() && input.blocked_on().is_none());
        assert_eq!(first + read(&pipe).unwrap().len(), sent.len());
    }

    #[test]
    fn the_first_client_ends_input_that_is_open_once() {
        let (pipe, mut input) = piped(StdinPolicy::Once);
        input.push(b"x");
        input.client_ended();
        assert_eq!((read(&pipe), read(&pipe)), (Ok(b"x".to_vec()), Ok(vec![])));
    }

    #[test]
    fn input_that_is_open_outlives_clients() {
        let (pipe, mut input) = piped(StdinPolicy::Open);
        input.client_ended();
        assert_eq!(read(&pipe), Err(Errno::AGAIN));
        input.close();
        assert_eq!(read(&pipe), Ok(vec![]));
    }

    #[test]
    fn input_nobody_reads_is_dropped() {
        let (pipe, mut input) = piped(StdinPolicy::Open);
        drop(pipe);
        input.push(b"x");
        assert!(input.has_room());
        input.push(b"y");
        assert!(input.has_room());
    }
}
