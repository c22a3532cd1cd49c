//! A connection to a shim.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use serde::de::DeserializeOwned;

use super::process::ShimProcess;
use crate::protocol::{
    AttachStreams, EXIT_FILE, ExitRecord, Failure, Request, Response, SOCKET, STATE_FILE, State,
};

/// Why talking to a shim failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: the shim has gone.
    #[error("no shim listens in {}", run_dir.display())]
    Gone {
        /// The shim's run directory.
        run_dir: PathBuf,
        /// Why the connection failed.
        #[source]
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the shim broke")]
    Broken(#[source] io::Error),
    /// The shim closed the connection without an answer.
    #[error("the shim closed the connection")]
    Closed,
    /// The answer could not be understood.
    #[error("the shim's answer is not understood")]
    Decode(#[source] serde_json::Error),
    /// The shim refused.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// The answer does not fit the request.
    #[error("the shim's answer does not fit: {0:?}")]
    Unexpected(Box<Response>),
    /// A file of the run directory could not be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// One blocking connection to a shim.
#[derive(Debug)]
pub struct ShimClient {
    stream: UnixStream,
    process: Option<ShimProcess>,
}

impl ShimClient {
    /// Connects to the shim of a run directory; the path may be longer than a socket address allows.
    ///
    /// # Errors
    /// [`ClientError::Gone`] when no shim listens there.
    pub fn connect(run_dir: &Path) -> Result<Self, ClientError> {
        let gone = |source: io::Error| ClientError::Gone { run_dir: run_dir.to_owned(), source };
        let dir = rustix::fs::openat(
            CWD,
            run_dir,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(|errno| gone(errno.into()))?;
        let path = format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd());
        UnixStream::connect(path).map(Self::from_stream).map_err(gone)
    }

    /// Speaks over a connected socket.
    pub fn from_stream(stream: UnixStream) -> Self {
        Self { stream, process: None }
    }

    /// The socket itself, for use outside; no answer may be outstanding.
    pub fn into_stream(self) -> UnixStream {
        self.stream
    }

    /// The socket as [`into_stream`](Self::into_stream) gives it, and the shim's process if this is the
    /// control connection: keep it until the shim has closed the socket.
    pub fn into_parts(self) -> (UnixStream, Option<ShimProcess>) {
        (self.stream, self.process)
    }

    pub(super) fn with_process(self, process: ShimProcess) -> Self {
        Self { process: Some(process), ..self }
    }

    /// The result of the creation; only on the control connection, once, before anything else.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the reason when the container could not be created.
    pub fn created(&mut self) -> Result<State, ClientError> {
        match self.receive()? {
            Response::Created(state) => Ok(state),
            other => Err(ClientError::Unexpected(Box::new(other))),
        }
    }

    /// Sends a request and waits for its answer; [`Response::Failed`] becomes an error. The answer is
    /// [`Response::Exited`], whatever was asked, when the container has ended meanwhile.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn request(&mut self, request: &Request) -> Result<Response, ClientError> {
        match self.stream.write_all(&encode(request)) {
            // The shim is leaving, but its last line may be there to be read.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ClientError::Broken(error)),
            _ => self.receive(),
        }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when it cannot be executed or was started before.
    pub fn start(&mut self) -> Result<State, ClientError> {
        match self.request(&Request::Start)? {
            Response::Started(state) => Ok(state),
            other => Err(ClientError::Unexpected(Box::new(other))),
        }
    }

    /// Turns the connection into the container's streams.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn attach(mut self, streams: AttachStreams) -> Result<UnixStream, ClientError> {
        match self.request(&Request::Attach(streams))? {
            Response::Attached => Ok(self.into_stream()),
            other => Err(ClientError::Unexpected(Box::new(other))),
        }
    }

    /// Waits for the container's end.
    ///
    /// # Errors
    /// [`ClientError`]; when the shim has gone, see [`read_exit`].
    pub fn wait(&mut self) -> Result<ExitRecord, ClientError> {
        match self.request(&Request::Wait)? {
            Response::Exited(record) => Ok(record),
            other => Err(ClientError::Unexpected(Box::new(other))),
        }
    }

    /// Reads one line and not a byte more: what follows belongs to whoever takes the socket out.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = [0; 1024];
        while line.last() != Some(&b'\n') {
            let (_, seen) = match rustix::net::recv(&self.stream, &mut buffer, RecvFlags::PEEK) {
                Err(Errno::INTR) => continue,
                seen => seen?,
            };
            if seen == 0 {
                return Ok(());
            }
            let end = buffer[..seen].iter().position(|&b| b == b'\n').map_or(seen, |at| at + 1);
            self.stream.read_exact(&mut buffer[..end])?;
            line.extend_from_slice(&buffer[..end]);
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Response, ClientError> {
        let mut line = Vec::new();
        self.read_line(&mut line).map_err(ClientError::Broken)?;
        if line.last() != Some(&b'\n') {
            return Err(ClientError::Closed);
        }
        match decode(&line).map_err(ClientError::Decode)? {
            Response::Failed(failure) => Err(ClientError::Refused(failure)),
            response => Ok(response),
        }
    }
}

/// A request as the line that is sent, newline included.
pub fn encode(request: &Request) -> Vec<u8> {
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    line
}

/// A received line as a response.
///
/// # Errors
/// When it is no response.
pub fn decode(line: &[u8]) -> Result<Response, serde_json::Error> {
    serde_json::from_slice(line)
}

/// The record of a container that has ended; `None` if there is none.
///
/// # Errors
/// When the file exists but cannot be read or understood.
pub fn read_exit(run_dir: &Path) -> Result<Option<ExitRecord>, ClientError> {
    read_file(run_dir.join(EXIT_FILE))
}

/// The state a shim wrote down at creation; `None` if there is none.
///
/// # Errors
/// When the file exists but cannot be read or understood.
pub fn read_state(run_dir: &Path) -> Result<Option<State>, ClientError> {
    read_file(run_dir.join(STATE_FILE))
}

fn read_file<T: DeserializeOwned>(path: PathBuf) -> Result<Option<T>, ClientError> {
    match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(ClientError::Decode),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ClientError::File { path, source }),
    }
}
