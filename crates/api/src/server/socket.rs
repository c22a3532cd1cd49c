//! The Unix socket.

use super::ServeError;
use std::{
    io,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
};
use tokio::net::UnixListener;

/// Whoever may connect is as good as root: owner and group only.
const MODE: u32 = 0o660;

/// The group that may connect: the first of these that the host has; root's own if it has none.
const GROUPS: [&str; 2] = ["berth", "docker"];

/// The open socket; its file goes with it.
#[derive(Debug)]
pub struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens on a path that root and the members of the group `berth`, or else `docker`, may connect to. A socket that
    /// nobody listens on any more is replaced.
    ///
    /// Must be called inside a tokio runtime. Assumptions: the caller holds the engine's lock, so that no living engine's
    /// socket is replaced.
    pub fn listen(path: &Path) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { path: path.to_owned(), source };
        // Bound under another name and renamed, so that it is never there with other permissions.
        let fresh = path.with_extension("new");
        let _ = std::fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh).map_err(failed)?;
        give_to_group(&fresh).map_err(failed)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(MODE)).map_err(failed)?;
        std::fs::rename(&fresh, path).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn give_to_group(path: &Path) -> io::Result<()> {
    let accounts = std::fs::read_to_string("/etc/group").unwrap_or_default();
    match GROUPS.iter().find_map(|name| group_id(&accounts, name)) {
        Some(group) => chown(path, None, Some(group)),
        None => Ok(()),
    }
}

/// The id of a group in the text of `/etc/group`.
fn group_id(accounts: &str, name: &str) -> Option<u32> {
    let mut lines = accounts.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        let found = fields.next() == Some(name);
        found.then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let accounts = "root:x:0:\ndockers:x:5:\ndocker:x:998:me,you\nbroken\n";
        assert_eq!(group_id(accounts, "docker"), Some(998));
        assert_eq!(group_id(accounts, "berth"), None);
        assert_eq!(group_id(accounts, "broken"), None);
    }

    #[tokio::test]
    async fn the_socket_is_for_owner_and_group_and_goes_with_its_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("berth.sock");
        let socket = Socket::listen(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        drop(socket);
        assert!(!path.exists());
    }
}
