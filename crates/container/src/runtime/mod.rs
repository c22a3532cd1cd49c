//! Making a container process, starting it, and entering a running container.
//!
//! The caller must be **single-threaded** (the shim, or `berth oci`): the child is made by a bare `clone(2)`.
//! Dropping a [`Created`] leaves the process alone; whoever made it reaps it with `waitpid` on [`Created::pid`].
//!
//! # Where the time goes
//! Docker's defaults, a new network namespace, nine v1 hierarchies and v2, busybox' `true`; best of 80 on two
//! processors that others were using as well (Linux 6.18): 3.7 ms from nothing to the executed program, where bare
//! namespaces, an overlay and `pivot_root` take 3.4. Of these, 0.55 ms make and limit the control groups, 2.7 ms
//! make the process, and 0.5 ms pass from [`Created::start`] to the program. By a profile, the greatest parts are
//! the new network namespace (about an eighth), page faults of the clone, opening control files and making groups
//! (each about a tenth), mounts, and having the kernel compile the filter. Joining the groups would be the greatest
//! by far if it were done in the usual way: see `cgroup::join`.

mod child;
mod create;
mod error;
mod exe;
mod exec;
mod features;
mod hooks;
mod init;
mod lookup;
mod namespaces;
mod plan;
mod process;
mod settle;
mod wire;

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{Process, Spec};

pub use error::{CreateError, ErrorKind, StartError};
pub use exe::{ProtectedExe, runs_protected};
pub use features::{CgroupVersion, KernelFeatures};
pub use hooks::{HookPoint, HookState, run_hooks};

use crate::cgroup::Cgroup;

/// What the caller decides about a new container beside its OCI spec.
#[derive(Debug)]
pub struct CreateOptions<'a> {
    /// The container's id, for hooks' state and messages.
    pub id: &'a str,
    /// The bundle directory; a relative `root.path` of the spec is below it.
    pub bundle: &'a Path,
    /// Where the process' three standard streams lead.
    pub stdio: Stdio,
    /// The control group, made and limited already; the process is in it before it runs anything.
    pub cgroup: Option<&'a Cgroup>,
    /// Run a built-in init as process 1 that reaps zombies and forwards signals (`docker run --init`).
    pub init: bool,
    /// Descriptors 3 … 3+n of the caller that the process keeps.
    pub preserve_fds: u32,
    /// Use `chroot` in place of `pivot_root` (for a root file system on the initial ramdisk).
    pub no_pivot: bool,
    /// Do not give the container a session keyring of its own.
    pub no_new_keyring: bool,
    /// Start through this FIFO instead of through [`Created::start`]: the process waits until somebody
    /// writes to it. `None` for callers that keep the [`Created`].
    pub start_fifo: Option<PathBuf>,
    /// Mounts the root file system in the container's own mount namespace before anything else is done there;
    /// `None` when it is mounted already where the caller sees it.
    pub prepare_root: Option<PrepareRoot>,
    /// The process is killed when the caller ends, for callers that keep the [`Created`]. It does not outlast a change
    /// of the process' user, nor a set-user-ID program: what must not stay is to be ended by its control group as well.
    pub dies_with_maker: bool,
}

/// A root file system that the new mount namespace makes for itself, so that no mount is ever seen outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepareRoot {
    /// Read-only layers, absolute, top first. Not empty.
    pub lower: Vec<PathBuf>,
    /// The writable layer and its work directory; without them the root is read-only.
    pub upper: Option<(PathBuf, PathBuf)>,
    /// More overlayfs options, e.g. `metacopy=off`.
    pub options: Vec<String>,
    /// Whether what is written need not survive a crash of the machine.
    pub volatile: bool,
}

impl<'a> CreateOptions<'a> {
    /// Options for `id` in `bundle` with inherited streams and everything else off.
    pub fn new(id: &'a str, bundle: &'a Path) -> Self {
        Self {
            id,
            bundle,
            stdio: Stdio::Inherit,
            cgroup: None,
            init: false,
            preserve_fds: 0,
            no_pivot: false,
            no_new_keyring: false,
            start_fifo: None,
            prepare_root: None,
            dies_with_maker: false,
        }
    }
}

/// Where a container process' standard streams lead.
#[derive(Debug)]
pub enum Stdio {
    /// To where the caller's lead.
    Inherit,
    /// To these descriptors; the caller's copies are closed once the process exists.
    Fds {
        /// Standard input.
        stdin: OwnedFd,
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
    /// To a new terminal of the container, whose master end is [`Created::console`]. Its size comes from
    /// the process' `consoleSize`.
    Console,
}

/// A process inside a container that waits for [`Created::start`] before it executes the user's program.
#[derive(Debug)]
pub struct Created {
    pid: i32,
    pidfd: Option<OwnedFd>,
    console: Option<OwnedFd>,
    warnings: Vec<String>,
    channel: wire::Channel,
}

impl Created {
    /// The process, in the caller's pid namespace. It is a child of the caller.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A descriptor of the process, where the kernel has them (5.3 on).
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        use std::os::fd::AsFd;
        self.pidfd.as_ref().map(|fd| fd.as_fd())
    }

    /// The master end of the process' terminal, as long as nobody has taken it.
    pub fn console(&self) -> Option<&OwnedFd> {
        self.console.as_ref()
    }

    /// Takes the master end of the process' terminal ([`Stdio::Console`]).
    pub fn take_console(&mut self) -> Option<OwnedFd> {
        self.console.take()
    }

    /// What was asked for and could not be had, but does not keep the container from running.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Lets the process execute the user's program and waits until it does.
    ///
    /// # Errors
    /// The program could not be executed, or the process died before; it has to be reaped all the same.
    pub fn start(&mut self) -> Result<(), StartError> {
        create::start(&self.channel)
    }
}

/// A running container, to be entered by [`exec`].
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Its first process, in the caller's pid namespace.
    pub pid: i32,
    /// The control group to join.
    pub cgroup: Option<&'a Cgroup>,
    /// Its spec: seccomp filter, user namespace and default sets are taken from it.
    pub spec: &'a Spec,
    /// As [`CreateOptions::dies_with_maker`].
    pub dies_with_maker: bool,
}

/// Makes the container that `spec` describes, up to the point where only `start` is missing.
///
/// # Guarantees
/// On error no process is left. Mounts are only ever made in the container's own mount namespace.
///
/// # Assumptions
/// Single-threaded caller with the privileges of root; root file system present (or `prepare_root`).
///
/// # Errors
/// [`CreateError::kind`] tells a missing or unusable program from every other failure.
pub fn create(spec: &Spec, options: CreateOptions<'_>) -> Result<Created, CreateError> {
    create::create(spec, options)
}

/// Makes one more process inside a running container, up to the point where only `start` is missing.
///
/// # Errors
/// As [`create`].
pub fn exec(target: &Target<'_>, process: &Process, stdio: Stdio) -> Result<Created, CreateError> {
    exec::exec(target, process, stdio)
}
