//! Starting a shim.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};

use super::connection::ShimClient;
use super::process::ShimProcess;
use crate::protocol::ShimConfig;

/// Why a shim could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The configuration cannot be written as JSON.
    #[error("cannot encode the configuration of shim {id}")]
    Encode {
        /// The container's or exec's id.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A memory file or socket pair could not be made.
    #[error("cannot prepare the shim's channels")]
    Channels(#[source] io::Error),
    /// The program could not be started.
    #[error("cannot start {}", exe.display())]
    Exec {
        /// The program.
        exe: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Starts a shim: `exe shim`, with `config` on its standard input.
///
/// Guarantees: the shim inherits exactly three descriptors (a memory file, the control socket, and
/// `/dev/null`), whatever other threads do meanwhile, because they travel as standard streams.
///
/// Returns the control connection, which holds the shim's process too. The first line it gives is the result
/// of the creation, see [`ShimClient::created`]. The shim outlives the connection and the engine once its
/// process has been started; before that, it takes the end of all its connections for the engine's death and
/// undoes the creation.
///
/// # Errors
/// [`SpawnError`]; errors of the creation itself come on the control connection.
pub fn spawn(exe: &Path, config: &ShimConfig) -> Result<ShimClient, SpawnError> {
    let text =
        serde_json::to_vec(config).map_err(|source| SpawnError::Encode { id: config.id.clone(), source })?;
    let input = memory_file(&text).map_err(SpawnError::Channels)?;
    let (ours, theirs) = UnixStream::pair().map_err(SpawnError::Channels)?;
    let child = Command::new(exe)
        .arg0("berth")
        .arg("shim")
        .env_clear()
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| SpawnError::Exec { exe: exe.to_owned(), source })?;
    Ok(ShimClient::from_stream(ours).with_process(ShimProcess::new(child)))
}

fn memory_file(content: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create("berth-shim", MemfdFlags::CLOEXEC)?;
    let mut rest = content;
    let mut at = 0;
    while !rest.is_empty() {
        let n = rustix::io::pwrite(&fd, rest, at)?;
        rest = &rest[n..];
        at += n as u64;
    }
    Ok(fd)
}
