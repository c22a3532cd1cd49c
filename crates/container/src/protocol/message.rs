//! Requests and responses of the control connection and `shim.sock`.

use serde::{Deserialize, Serialize};

use super::{ConsoleSize, ExitRecord, Failure, State};

/// One line from the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// Asks for the container's state; answered by [`Response::Created`].
    State,
    /// Runs the created process; answered by [`Response::Started`].
    Start,
    /// Turns this connection into the container's streams; answered by [`Response::Attached`].
    Attach(AttachStreams),
    /// Changes the terminal's size; answered by [`Response::Done`].
    Resize(ConsoleSize),
    /// Sends a signal; answered by [`Response::Done`].
    Signal {
        /// The signal's number.
        signal: i32,
        /// To every process of the container's cgroup instead of its first process.
        #[serde(default)]
        all: bool,
    },
    /// Closes the container's standard input for good; answered by [`Response::Done`].
    CloseStdin,
    /// Waits for the end; answered by [`Response::Exited`], after which the connection is closed.
    Wait,
}

/// Which streams an attached client wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttachStreams {
    /// Send to standard input.
    pub stdin: bool,
    /// Receive standard output (with a terminal: all output).
    pub stdout: bool,
    /// Receive standard error.
    pub stderr: bool,
}

/// One line from the shim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Response {
    /// The container exists and waits for [`Request::Start`], or has been started.
    Created(State),
    /// The process runs.
    Started(State),
    /// The connection now carries streams.
    Attached,
    /// The request has been carried out.
    Done,
    /// The process has ended.
    Exited(ExitRecord),
    /// The request failed. After a failed creation the shim leaves; after a failed start too, with an
    /// [`ExitRecord`] of the same exit code.
    Failed(Failure),
}
