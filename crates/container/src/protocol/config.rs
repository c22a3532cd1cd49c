//! What a shim is told when it is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci_spec::runtime::{Process, Spec};
use serde::{Deserialize, Serialize};

/// Everything a shim needs to know; given as JSON on its standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShimConfig {
    /// The container's id, or the exec's.
    pub id: String,
    /// Directory for the shim's files; it must exist, on a file system that takes sockets.
    pub run_dir: PathBuf,
    /// Whether to create a container or to run one more process in a running one.
    pub kind: Kind,
    /// Size of the terminal at the beginning, when the process has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_size: Option<ConsoleSize>,
    /// What standard input is connected to.
    #[serde(default)]
    pub stdin: StdinPolicy,
    /// Where output is logged; `None` logs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogConfig>,
    /// Who creates the container.
    #[serde(default)]
    pub runtime: Runtime,
}

impl ShimConfig {
    /// Whether the process has a terminal, by its OCI `process.terminal`.
    pub fn tty(&self) -> bool {
        self.process().and_then(Process::terminal).unwrap_or(false)
    }

    /// The process that is to be run, if the spec has one.
    pub fn process(&self) -> Option<&Process> {
        match &self.kind {
            Kind::Init(init) => init.spec.process().as_ref(),
            Kind::Exec(exec) => Some(&exec.process),
        }
    }
}

/// What the shim is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A new container and its first process.
    Init(Box<InitKind>),
    /// One more process in a running container.
    Exec(Box<ExecKind>),
}

/// A container to be created.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InitKind {
    /// The OCI configuration. `root.path` must be absolute: with [`Rootfs::Overlay`] it is the directory
    /// the overlay is mounted on, seen only in the shim's mount namespace.
    pub spec: Spec,
    /// Where the root file system comes from.
    pub rootfs: Rootfs,
    /// Run a tiny init as process 1 that forwards signals and reaps (`--init`).
    #[serde(default)]
    pub use_init: bool,
}

/// A process to be run in a running container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExecKind {
    /// The container's id.
    pub container: String,
    /// The container's own run directory (with [`Runtime::External`] its runtime state is in there).
    pub container_dir: PathBuf,
    /// The container's first process, from [`State::process`](super::State::process).
    pub target: super::ProcessId,
    /// The container's OCI configuration: its cgroup, seccomp profile and user namespace are taken from it.
    pub spec: Spec,
    /// The process to run.
    pub process: Process,
}

/// Where the root file system comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rootfs {
    /// An overlay of image layers with a writable directory on top.
    Overlay {
        /// Directory that relative `lower` paths start from; keeps the mount data short.
        layers_dir: PathBuf,
        /// Read-only layers, the topmost first; relative to `layers_dir` or absolute. Not empty.
        lower: Vec<PathBuf>,
        /// The writable layer, absolute.
        upper: PathBuf,
        /// Overlayfs' work directory, absolute, on the same file system as `upper`.
        work: PathBuf,
        /// What is written there is not used any more after a crash of the machine, so that the end of the container
        /// need not wait for the disk.
        #[serde(default)]
        volatile: bool,
    },
    /// `root.path` is used as it is.
    Directory,
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleSize {
    /// Rows.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

/// What standard input is connected to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StdinPolicy {
    /// `/dev/null` (with a terminal: nobody's input is read).
    #[default]
    Closed,
    /// Open until the container ends; clients come and go (`OpenStdin`).
    Open,
    /// Open until the first attached client ends its input (`OpenStdin` with `StdinOnce`).
    Once,
}

/// A json-file log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// The newest file; older ones are `path.1`, `path.2`, …
    pub path: PathBuf,
    /// Bytes after which a new file is begun; `None` never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
    /// How many files are kept, the newest included; 0 means 1.
    #[serde(default)]
    pub max_file: u32,
    /// Docker's extra attributes (labels, env, tag), repeated in each line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attrs: BTreeMap<String, String>,
}

/// Who creates containers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// Berth's own runtime, inside the shim.
    #[default]
    BuiltIn,
    /// A program with runc's command line, by path or name.
    External(PathBuf),
}
