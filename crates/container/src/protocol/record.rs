//! What a shim reports and writes down.

use std::error::Error;
use std::io;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::cgroup::Cgroup;
use crate::procstat::ProcStat;
use crate::runtime::{CreateError, ErrorKind};

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number on the host.
    pub pid: i32,
    /// Its start time in clock ticks since boot, field 22 of `/proc/PID/stat`.
    pub start_time: u64,
}

impl ProcessId {
    /// Names the process that has this number now.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(pid: i32) -> io::Result<Self> {
        Ok(Self { pid, start_time: ProcStat::read(pid)?.start_time })
    }

    /// Whether this very process still exists (as a zombie at least).
    pub fn exists(self) -> bool {
        Self::of(self.pid).is_ok_and(|now| now == self)
    }
}

/// What exists now; `state.json` holds the one of the moment of creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The container's or the exec's id.
    pub id: String,
    /// The shim itself.
    pub shim: ProcessId,
    /// The container's first process, or the exec'd one.
    pub process: ProcessId,
    /// The container's control group; `None` for an exec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<Cgroup>,
    /// When the process was started, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    /// What the runtime could not do but went on without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Docker's exit code: the process' own, or 128 + the signal's number.
    pub exit_code: i32,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Whether the kernel killed a process of the container for want of memory.
    #[serde(default)]
    pub oom_killed: bool,
    /// When the process was started; `None` if it never ran.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339")]
    pub finished_at: OffsetDateTime,
    /// What went wrong without harm to the container, e.g. log entries that could not be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it never ran, when creation or start failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What sort of failure it is.
    pub kind: FailureKind,
    /// The chain of causes, outermost first, joined by `: `.
    pub message: String,
}

/// Sorts of failure a caller can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The program is not in the container (exit code 127).
    CommandNotFound,
    /// The program cannot be executed (exit code 126).
    NotExecutable,
    /// The request does not fit the state: no terminal to resize, started already, ended already.
    Conflict,
    /// The request could not be understood.
    BadRequest,
    /// Anything else (exit code 125).
    Other,
}

impl Failure {
    /// A failure of this kind with the causes of `error` spelled out.
    pub fn new(kind: FailureKind, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self { kind, message }
    }

    /// A failure of this kind with a message of its own.
    pub fn message(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl From<&CreateError> for Failure {
    fn from(error: &CreateError) -> Self {
        let kind = match error.kind() {
            ErrorKind::CommandNotFound => FailureKind::CommandNotFound,
            ErrorKind::NotExecutable => FailureKind::NotExecutable,
            ErrorKind::Other => FailureKind::Other,
        };
        Self::new(kind, error)
    }
}

impl FailureKind {
    /// The exit code Docker gives to a container that failed so.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::CommandNotFound => 127,
            Self::NotExecutable => 126,
            Self::Conflict | Self::BadRequest | Self::Other => 125,
        }
    }
}
