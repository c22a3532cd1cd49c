//! Starting a shim.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};

use super::connection::ShimClient;
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

/// A started shim.
#[derive(Debug)]
pub struct Spawned {
    /// The control connection. The first line it gives is the result of the creation.
    pub control: ShimClient,
    /// The shim's process. It outlives this handle and the engine; as long as the engine lives it must
    /// wait for it, or a zombie stays.
    pub child: Child,
}

/// Starts a shim: `exe shim`, with `config` on its standard input.
///
/// Guarantees: the shim inherits exactly three descriptors (a memory file, the control socket, and
/// `/dev/null`), whatever other threads do meanwhile, because they travel as standard streams.
///
/// # Errors
/// [`SpawnError`]; errors of the creation itself come on the control connection.
pub fn spawn(exe: &Path, config: &ShimConfig) -> Result<Spawned, SpawnError> {
    let text =
        serde_json::to_vec(config).map_err(|source| SpawnError::Encode { id: config.id.clone(), source })?;
    let input = memory_file(&text).map_err(SpawnError::Channels)?;
    let (ours, theirs) = UnixStream::pair().map_err(SpawnError::Channels)?;
    let child = Command::new(exe)
        .arg("shim")
        .env_clear()
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| SpawnError::Exec { exe: exe.to_owned(), source })?;
    Ok(Spawned { control: ShimClient::from_stream(ours), child })
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
