//! The one facility a build needs from outside: running a command on top of layers.

use std::path::PathBuf;

use crate::event::Stream;
use crate::request::{Cancel, RunNetwork};
use crate::secret::Secret;

/// Runs the commands of `RUN` steps. The engine implements it with real containers.
///
/// # Guarantees expected
/// - The command sees the overlay of [`RunStep::lower_dirs`] and [`RunStep::upper_dir`] as its root; all it
///   changes is in the upper directory when `run` returns, and nothing is mounted there any more.
/// - No process of the step is alive when `run` returns, whatever it returns.
/// - When [`RunStep::cancel`] is set, the command is killed soon and `run` returns [`RunnerError::Cancelled`].
/// - Overlay features that write private attributes (redirect_dir, metacopy, index) are off.
pub trait Runner: Send + Sync {
    /// Runs one command to its end; `output` is called with what it writes, in order.
    ///
    /// # Errors
    /// [`RunnerError`] when the command could not be run. A command that ran and failed is an
    /// `Ok` with its exit code.
    fn run(&self, step: &RunStep, output: &mut dyn FnMut(Stream, &[u8])) -> Result<RunExit, RunnerError>;
}

/// One command and the files it runs on.
#[derive(Debug, Clone)]
pub struct RunStep {
    /// Unpacked layers below, the topmost first.
    pub lower_dirs: Vec<PathBuf>,
    /// Empty directory that receives the changes.
    pub upper_dir: PathBuf,
    /// Empty directory for overlayfs on the same file system.
    pub work_dir: PathBuf,
    /// Program and arguments; the program is searched for in the `PATH` of [`RunStep::env`].
    pub argv: Vec<String>,
    /// `NAME=value` entries, complete (nothing is added but `HOME` and `PATH` when absent).
    pub env: Vec<String>,
    /// Further variables whose values must be shown nowhere; they go before those of [`RunStep::env`].
    pub secret_env: Vec<(String, Secret)>,
    /// Absolute directory inside the image; it exists.
    pub cwd: String,
    /// `user[:group]` by name or number, looked up in the image's files; root if absent.
    pub user: Option<String>,
    /// It has every privilege.
    pub privileged: bool,
    /// Which network it has.
    pub network: RunNetwork,
    /// Extra lines of `/etc/hosts`, as (name, address).
    pub extra_hosts: Vec<(String, String)>,
    /// Size of `/dev/shm` in bytes; the engine's default if absent.
    pub shm_size: Option<u64>,
    /// Extra mounts, in order.
    pub mounts: Vec<RunMount>,
    /// Set when the build is to stop.
    pub cancel: Cancel,
}

/// A mount that exists only while the step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunMount {
    /// A file or directory of the host.
    Bind {
        /// Path on the host.
        source: PathBuf,
        /// Absolute path inside.
        target: String,
        /// Writing is refused.
        read_only: bool,
    },
    /// An empty file system in memory.
    Tmpfs {
        /// Absolute path inside.
        target: String,
        /// Limit in bytes.
        size: Option<u64>,
    },
    /// A read-only file with a secret in it. It must be on no disk.
    Secret {
        /// What it holds.
        content: Secret,
        /// Absolute path inside.
        target: String,
        /// Its permissions.
        access: Access,
    },
    /// A socket that leads to an agent of the host.
    Agent {
        /// The agent's socket on the host.
        socket: PathBuf,
        /// Absolute path inside.
        target: String,
        /// Its permissions.
        access: Access,
    },
}

impl RunMount {
    /// Where it is, inside.
    pub fn target(&self) -> &str {
        match self {
            Self::Bind { target, .. }
            | Self::Tmpfs { target, .. }
            | Self::Secret { target, .. }
            | Self::Agent { target, .. } => target,
        }
    }
}

/// Owner and permission bits of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunExit {
    /// Exit code; 128 + n when killed by signal n.
    pub code: i32,
    /// The kernel killed it for want of memory.
    pub oom_killed: bool,
}

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The build was cancelled while it ran.
    #[error("cancelled")]
    Cancelled,
    /// The container could not be made or watched.
    #[error("the container for this step could not be run")]
    Container(#[source] Box<dyn std::error::Error + Send + Sync>),
}
