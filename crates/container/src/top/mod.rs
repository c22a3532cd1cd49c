//! `top`: the processes of a container, as `docker top` shows them.

mod accounts;
mod proc;
mod ps;

use std::io;

use crate::cgroup::{Cgroup, CgroupError};

/// A table of processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// The columns' names.
    pub titles: Vec<String>,
    /// One row a process, as many cells as there are titles.
    pub processes: Vec<Vec<String>>,
}

/// Why the processes could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// The cgroup's list of processes cannot be read.
    #[error("cannot list the container's processes")]
    Cgroup(#[from] CgroupError),
    /// Arguments were given, which only the host's `ps` understands, and it could not be run.
    #[error("cannot run ps")]
    Ps(#[source] io::Error),
    /// `ps` refused the arguments.
    #[error("ps failed: {message}")]
    PsFailed {
        /// What it said.
        message: String,
    },
    /// The output of `ps` has no PID column.
    #[error("the ps arguments leave out the PID column")]
    NoPidColumn,
}

/// Lists the processes of a container by its control group. Without arguments, or with `-ef`, the columns
/// are those of `ps -ef`, and no `ps` is needed; other arguments are the host's `ps`'s.
///
/// # Errors
/// [`TopError`].
pub fn top(cgroup: &Cgroup, ps_args: &[String]) -> Result<Top, TopError> {
    let mut pids = cgroup.procs()?;
    pids.sort_unstable();
    match ps_args {
        [] => Ok(proc::table(&pids)),
        [only] if only == "-ef" => Ok(proc::table(&pids)),
        args => ps::table(&pids, args),
    }
}
