//! Failures of the command line.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::cgroup::CgroupError;
use crate::runtime::CreateError;

/// Why a command failed. Engines look for some of these texts.
#[derive(Debug, thiserror::Error)]
pub(super) enum OciError {
    #[error("{0:?} is not UTF-8")]
    NotUtf8(OsString),
    #[error("unknown command {0:?}")]
    UnknownCommand(String),
    #[error("flag provided but not defined: {0}")]
    UnknownFlag(String),
    #[error("flag needs an argument: --{0}")]
    MissingValue(&'static str),
    #[error("--{flag}: {value:?} is not understood")]
    BadValue { flag: &'static str, value: String },
    #[error("a container id is needed")]
    MissingId,
    #[error("invalid container id {0:?}: letters, digits, `_`, `+`, `-` and `.` are allowed")]
    InvalidId(String),
    #[error("container with given ID already exists")]
    Exists,
    #[error("container does not exist")]
    DoesNotExist,
    #[error("container not running")]
    NotRunning,
    #[error("cannot start a container that is {0}")]
    NotCreated(&'static str),
    #[error("cannot delete container {id} that is not stopped: {status}")]
    NotStopped { id: String, status: &'static str },
    #[error("cannot {action} a container that is {status}")]
    WrongState { action: &'static str, status: &'static str },
    #[error("cannot exec in a paused container (use --ignore-paused to override)")]
    Paused,
    #[error("{0}")]
    Usage(String),
    #[error("{what} {}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} cannot be understood", path.display())]
    Json {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{what}")]
    System {
        what: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("unable to start container process")]
    Create(#[from] CreateError),
    #[error("control group")]
    Cgroup(#[from] CgroupError),
}

impl OciError {
    /// The message with those of its sources, once each.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text += &format!(": {error}");
            source = error.source();
        }
        text
    }

    pub(super) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    pub(super) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System { what, source: error.into() }
    }
}
