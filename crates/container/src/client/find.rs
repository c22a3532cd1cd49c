//! What an engine finds when it comes to a container that an earlier one left.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::connection::{ClientError, ShimClient, read_exit, read_state};
use crate::cgroup::CgroupError;
use crate::protocol::{ExitRecord, State};

/// What is left of a container, by its run directory.
#[derive(Debug)]
pub enum Found {
    /// Its shim is there: ask it.
    Shim(ShimClient),
    /// It has ended and its shim has left.
    Ended(ExitRecord),
    /// Its shim was killed. Its processes may still run, but nobody holds their output: they are to be
    /// ended with [`destroy`], and the exit code is not known.
    Orphaned(State),
    /// It was never created, or its creation was cut short before anything was left.
    Nothing,
}

/// Finds out what is left of a container.
///
/// # Errors
/// When a file of the run directory cannot be read or understood.
pub fn find(run_dir: &Path) -> Result<Found, ClientError> {
    match ShimClient::connect(run_dir) {
        Ok(client) => return Ok(Found::Shim(client)),
        Err(ClientError::Gone { .. }) => {}
        Err(error) => return Err(error),
    }
    // In this order: the record is written before the shim leaves.
    if let Some(record) = read_exit(run_dir)? {
        return Ok(Found::Ended(record));
    }
    Ok(read_state(run_dir)?.map_or(Found::Nothing, Found::Orphaned))
}

/// Why the remains of a container could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum DestroyError {
    /// The process could not be killed.
    #[error("cannot kill process {pid}")]
    Kill {
        /// The process.
        pid: i32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The control group could not be emptied or removed.
    #[error("cannot remove the container's control group")]
    Cgroup(#[from] CgroupError),
}

/// Kills what still runs of a container without a shim and removes its control group. Blocks until the
/// processes have gone, at most `patience`.
///
/// # Errors
/// [`DestroyError`]; after `patience`, that the control group is still busy.
pub fn destroy(state: &State, patience: Duration) -> Result<(), DestroyError> {
    let process = state.process;
    if let Some(pid) = Pid::from_raw(process.pid).filter(|_| process.exists()) {
        kill_process(pid, Signal::KILL)
            .map_err(|errno| DestroyError::Kill { pid: process.pid, source: errno.into() })?;
    }
    let Some(cgroup) = &state.cgroup else { return Ok(()) };
    cgroup.kill_all()?;
    let deadline = Instant::now() + patience;
    loop {
        match cgroup.remove() {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}
