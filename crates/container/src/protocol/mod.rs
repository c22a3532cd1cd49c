//! What the engine and a shim say to each other.
//!
//! A shim is started with a [`ShimConfig`] as JSON on its standard input and a connected Unix stream
//! socket as its standard output, the *control connection*. On it the shim first says, without being
//! asked, [`Response::Created`] or [`Response::Failed`]. From then on the control connection, and every
//! connection to `shim.sock` in the run directory, speak the same language: one [`Request`] as a line of
//! JSON, answered by one [`Response`] as a line of JSON, in order. Requests end the dialogue twice:
//!
//! * [`Request::Attach`]: after [`Response::Attached`] the connection carries the container's streams.
//!   Shim to client: Docker's multiplexed frames (see [`frame`]), or raw bytes when the container has a
//!   terminal. Client to shim: raw standard input; half-closing the connection is end of file.
//! * [`Request::Wait`]: nothing more is read; the one answer comes with the container's end.
//!
//! When the container has ended, its output is drained and its cgroup removed, every dialogue gets
//! [`Response::Exited`] as its last line, asked for or not, and the shim closes the connection.
//!
//! Files of the run directory: `state.json` ([`State`], written once when the container is created),
//! `exit.json` ([`ExitRecord`], written by rename at the moment the container ends), `shim.sock`.

mod config;
pub mod frame;
mod message;
mod record;

pub use config::{
    ConsoleSize, ExecKind, InitKind, Kind, LogConfig, Rootfs, Runtime, ShimConfig, StdinPolicy,
};
pub use frame::StreamName;
pub use message::{AttachStreams, Request, Response};
pub use record::{ExitRecord, Failure, FailureKind, ProcessId, State};

/// Name of the shim's listening socket in its run directory.
pub const SOCKET: &str = "shim.sock";
/// Name of the file with the container's [`State`] in the run directory.
pub const STATE_FILE: &str = "state.json";
/// Name of the file with the container's [`ExitRecord`] in the run directory.
pub const EXIT_FILE: &str = "exit.json";
