//! Users and groups as the files of a root file system name them; never the host's NSS.

use crate::{ResolveError, Root};

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups the group file lists for the user (empty when a group was given).
    pub groups: Vec<u32>,
    /// Home directory; `/` when the user is not in the file.
    pub home: String,
}

/// A user specification that the root file system's files do not answer.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No such user name.
    #[error("unable to find user {0}: no matching entry in passwd file")]
    UnknownUser(String),
    /// No such group name.
    #[error("unable to find group {0}: no matching entry in group file")]
    UnknownGroup(String),
    /// A numeric id outside 0..=2147483647.
    #[error("id {0} is out of range 0-2147483647")]
    OutOfRange(String),
    /// `/etc/passwd` or `/etc/group` could not be read.
    #[error(transparent)]
    Read(#[from] ResolveError),
}

/// The parsed `/etc/passwd` and `/etc/group` of a root file system.
#[derive(Debug, Clone, Default)]
pub struct Accounts {}

impl Accounts {
    /// Parses the two files' contents; lines that do not parse are skipped, as libc does.
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        let _ = (passwd, group);
        todo!()
    }

    /// Reads both files beneath a root; a missing file is an empty one.
    pub fn read(root: &Root) -> Result<Self, AccountError> {
        let _ = root;
        todo!()
    }

    /// Resolves Docker's user specification: `""`, `user`, `uid`, `user:group`, `uid:gid`, …; `""` is root.
    pub fn resolve(&self, spec: &str) -> Result<Identity, AccountError> {
        let _ = spec;
        todo!()
    }

    /// The id of a group given by name or number (`--group-add`).
    pub fn group(&self, spec: &str) -> Result<u32, AccountError> {
        let _ = spec;
        todo!()
    }
}
