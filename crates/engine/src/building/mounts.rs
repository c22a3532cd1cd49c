//! The mounts of one command of a build.

use super::agent::AgentProxy;
use crate::{
    error::EngineError,
    oci::mounts::{ReadyMount, ReadySource},
    spec::TmpfsMount,
};
use build::{Access, RunMount, Secret};
use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{PermissionsExt, fchown},
    path::{Path, PathBuf},
};

/// A mount as the container takes it; what has to be made for it is made in `run_dir`. An agent's socket lives as long as
/// the proxy that comes with it.
pub(super) fn ready(
    mount: &RunMount,
    run_dir: &Path,
    number: usize,
) -> Result<(ReadyMount, Option<AgentProxy>), EngineError> {
    let bind = |source: PathBuf| ReadySource::Path { path: source, propagation: None, recursive: true };
    let target = PathBuf::from(mount.target());
    let (source, read_only, agent) = match mount {
        RunMount::Bind { source, read_only, .. } => (bind(source.clone()), *read_only, None),
        RunMount::Tmpfs { size, .. } => {
            (ReadySource::Tmpfs(TmpfsMount { size: *size, ..TmpfsMount::default() }), false, None)
        }
        RunMount::Secret { content, access, .. } => {
            let path = run_dir.join(format!("secret{number}"));
            write(&path, content, *access).map_err(EngineError::io("write the secret", &path))?;
            (bind(path), true, None)
        }
        RunMount::Agent { socket, access, .. } => {
            let path = run_dir.join(format!("agent{number}"));
            let proxy = AgentProxy::start(&path, socket, *access)
                .map_err(EngineError::io("connect the SSH agent", socket))?;
            (bind(path), false, Some(proxy))
        }
    };
    Ok((ReadyMount { target, read_only, source }, agent))
}

/// Nobody but its owner can open the file at any moment.
fn write(path: &Path, content: &Secret, access: Access) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file: File = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.reveal())?;
    fchown(&file, Some(access.uid), Some(access.gid))?;
    file.set_permissions(Permissions::from_mode(access.mode))
}
