//! What comes from other hosts, files by HTTP and repositories by git: sources of `ADD`, and whole build contexts.

mod address;
mod date;
mod git;
mod http;

pub(crate) use address::{Address, GitAddress, parse, shown};
pub(crate) use git::{GitOptions, checkout};
pub(crate) use http::{Download, download};

use std::path::PathBuf;

use crate::remote::FetchError;

/// Whether a source or a context is named by an address of another host.
///
/// # Errors
/// It is one of a form that is not understood.
pub fn is_remote(address: &str) -> Result<bool, SourceError> {
    parse(address).map(|parsed| parsed.is_some())
}

/// Why a remote source of `ADD` cannot be used. Addresses are shown without passwords.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It was not fetched.
    #[error("cannot fetch {url}")]
    Fetch {
        /// Its address.
        url: String,
        /// Why.
        source: FetchError,
    },
    /// It is not what the instruction says.
    #[error("{url} has the checksum {found}, not {expected}; if the new content is meant, change --checksum")]
    Checksum {
        /// Its address.
        url: String,
        /// As written.
        expected: String,
        /// Of what came.
        found: String,
    },
    /// A checksum that is not one.
    #[error("{value:?} is not a checksum: sha256: and 64 hexadecimal digits, or for git a commit")]
    BadChecksum {
        /// As written.
        value: String,
    },
    /// A checksum of something local.
    #[error("--checksum is for sources from a URL; {path:?} is not one")]
    LocalChecksum {
        /// As written.
        path: String,
    },
    /// An address that is not understood.
    #[error("{url}: {problem}")]
    Address {
        /// As written.
        url: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A file has no name to be stored by.
    #[error("{url} does not end in a file name; write the name after the destination's last /")]
    NoName {
        /// Its address.
        url: String,
    },
    /// The `git` program cannot be run.
    #[error("cannot run git, which ADD needs for {url}; is it installed?")]
    NoGit {
        /// The repository.
        url: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// `git` failed.
    #[error("git cannot {action} {url}:\n{output}")]
    Git {
        /// What was tried, as a verb.
        action: &'static str,
        /// The repository.
        url: String,
        /// The last lines it wrote.
        output: String,
    },
    /// A directory that the repository does not have.
    #[error("{url} has no directory {path:?}")]
    NoDirectory {
        /// The repository.
        url: String,
        /// As written.
        path: String,
    },
    /// Keeping what came failed.
    #[error("cannot write {}", path.display())]
    Keep {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
