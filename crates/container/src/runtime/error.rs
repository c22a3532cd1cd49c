//! What can go wrong while a container process is made.

use std::io;
use std::path::PathBuf;

use crate::cgroup::CgroupError;

/// The classes of failure that users meet as exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The program is not in the container: exit code 127.
    CommandNotFound,
    /// The program is there but cannot be executed: exit code 126.
    NotExecutable,
    /// Anything else: exit code 125.
    Other,
}

impl ErrorKind {
    /// Docker's exit code for a container that failed this way.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::CommandNotFound => 127,
            Self::NotExecutable => 126,
            Self::Other => 125,
        }
    }
}

/// Why a container process could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The program does not exist in the container.
    #[error("exec: {program:?}: {reason}")]
    CommandNotFound {
        /// As it was asked for.
        program: String,
        /// `executable file not found in $PATH` or `stat …: no such file or directory`.
        reason: String,
    },
    /// The program exists but may not or cannot be executed.
    #[error("exec: {program:?}: {reason}")]
    NotExecutable {
        /// As it was asked for.
        program: String,
        /// `permission denied`, `is a directory`, `exec format error`, …
        reason: String,
    },
    /// The spec asks for something that is wrong or not supported.
    #[error("invalid container configuration: {0}")]
    InvalidSpec(String),
    /// A step of the set-up failed.
    #[error("{step}")]
    Step {
        /// What was being done, with its object, e.g. `mount proc on /proc`.
        step: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A path is missing or of the wrong kind, on the host or in the root file system.
    #[error("{what} {}", path.display())]
    Path {
        /// E.g. `root file system`.
        what: String,
        /// The path.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A hook failed.
    #[error("{point} hook {}: {reason}", path.display())]
    Hook {
        /// `prestart`, `createRuntime`, …
        point: String,
        /// The hook's program.
        path: PathBuf,
        /// Its exit status and what it wrote to its standard error.
        reason: String,
    },
    /// The control group.
    #[error("control group")]
    Cgroup(#[from] CgroupError),
    /// The process died without a word, e.g. because it hit its memory limit.
    #[error("the container's first process died while it was set up (is its memory limit too low?)")]
    Died,
}

impl CreateError {
    /// The class of the failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::CommandNotFound { .. } => ErrorKind::CommandNotFound,
            Self::NotExecutable { .. } => ErrorKind::NotExecutable,
            _ => ErrorKind::Other,
        }
    }
}

/// Why a created process could not be started.
pub type StartError = CreateError;
