//! Taking over what the engine handed down.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::fs::{Mode, OFlags};
use rustix::io::fcntl_dupfd_cloexec;

use crate::protocol::{EXIT_FILE, SOCKET, STATE_FILE, ShimConfig};
use crate::sys::shim as sys;

/// Why the shim cannot begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    /// A descriptor or process attribute could not be set up.
    #[error("cannot set up the shim: {step}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The configuration is not understood.
    #[error("cannot read the shim's configuration")]
    Config(#[from] serde_json::Error),
}

fn step<T, E: Into<io::Error>>(step: &'static str, result: Result<T, E>) -> Result<T, SetupError> {
    result.map_err(|source| SetupError::Step { step, source: source.into() })
}

/// The two streams the engine is reached by: the control connection, and the configuration's text.
pub(super) fn take_streams() -> Result<(UnixStream, OwnedFd), SetupError> {
    sys::close_inherited();
    let control = step("control connection", fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3))?;
    let config = step("configuration", fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3))?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    let null = step("/dev/null", null)?;
    step("standard input", rustix::stdio::dup2_stdin(&null))?;
    step("standard output", rustix::stdio::dup2_stdout(&null))?;
    step("standard error", rustix::stdio::dup2_stderr(&null))?;
    Ok((UnixStream::from(control), config))
}

/// Reads the configuration.
pub(super) fn read_config(file: OwnedFd) -> Result<ShimConfig, SetupError> {
    let mut text = Vec::new();
    step("configuration", File::from(file).read_to_end(&mut text))?;
    Ok(serde_json::from_slice(&text)?)
}

/// Makes this process independent of the engine's session, and parent of the container's orphans.
///
/// From then on the working directory is the run directory. Returns the source of signals.
pub(super) fn detach(config: &ShimConfig) -> Result<OwnedFd, SetupError> {
    // It fails for the leader of a process group, which is independent enough.
    let _ = rustix::process::setsid();
    step("run directory", rustix::process::chdir(&config.run_dir))?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    step("subreaper", rustix::process::set_child_subreaper(Some(rustix::process::getpid())))?;
    step("signals", sys::block_signals())
}

/// Listens on `shim.sock`, for root alone.
///
/// Files of an earlier shim in this run directory are removed.
pub(super) fn listen() -> Result<UnixListener, SetupError> {
    for stale in [SOCKET, EXIT_FILE, STATE_FILE] {
        let _ = std::fs::remove_file(stale);
    }
    let old = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(SOCKET);
    rustix::process::umask(old);
    let listener = step("socket", listener)?;
    step("socket", listener.set_nonblocking(true))?;
    Ok(listener)
}

/// Lets the kernel, short of memory, take the container before its shim. Only for a shim whose process exists
/// already: it would inherit this.
pub(super) fn protect_from_oom() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "-998");
}
