//! Build contexts that are named by an address: a repository, an archive or a Dockerfile.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Address, GitOptions, SourceError, checkout, parse, shown};
use crate::remote::{FetchRequest, Remote};
use crate::request::BuildRequest;

/// A context that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteContext {
    /// A directory of a repository.
    Directory(PathBuf),
    /// One file: an archive of a context, or a Dockerfile.
    File(PathBuf),
}

/// Whether a context is named by an address of another host.
///
/// # Errors
/// It is one of a form that is not understood.
pub fn is_remote(address: &str) -> Result<bool, SourceError> {
    parse(address).map(|parsed| parsed.is_some())
}

/// Fetches a context into `scratch`, an empty directory. `request` says which secrets git may use, and stops it;
/// `known_hosts` keeps the keys of hosts.
///
/// # Errors
/// See [`SourceError`].
pub fn fetch_context(
    address: &str,
    request: &BuildRequest,
    remote: &dyn Remote,
    scratch: &Path,
    known_hosts: &Path,
) -> Result<RemoteContext, SourceError> {
    match parse(address)? {
        None => Err(SourceError::Address {
            url: shown(address),
            problem: "it is no address of a repository or a file: write https://… or git@host:…",
        }),
        Some(Address::Http(url)) => file(&url, request, remote, scratch).map(RemoteContext::File),
        Some(Address::Git(git)) => {
            let cancel = &request.cancel;
            let (keep_git_dir, checksum) = (false, None);
            let options = GitOptions { request, cancel, scratch, known_hosts, keep_git_dir, checksum };
            checkout(&git, &options).map(|(directory, _)| RemoteContext::Directory(directory))
        }
    }
}

fn file(
    url: &str,
    request: &BuildRequest,
    remote: &dyn Remote,
    scratch: &Path,
) -> Result<PathBuf, SourceError> {
    let path = scratch.join("fetched");
    let mut file = File::create(&path).map_err(|source| SourceError::Keep { path: path.clone(), source })?;
    let wanted = FetchRequest { url, etag: None, last_modified: None, cancel: &request.cancel };
    remote.fetch(&wanted, &mut file).map_err(|source| SourceError::Fetch { url: shown(url), source })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::Offline;

    #[test]
    fn addresses_and_paths_are_told_apart() {
        for address in ["https://h/x.tar.gz", "https://h/x.git#v1:dir", "git@h:x", "github.com/a/b"] {
            assert!(is_remote(address).unwrap(), "{address}");
        }
        assert!(!is_remote("./directory").unwrap() && !is_remote("-").unwrap());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let nowhere = Path::new("/nonexistent");
        let fetched = fetch_context("nonsense", &BuildRequest::default(), &Offline, nowhere, nowhere);
        assert!(matches!(fetched, Err(SourceError::Address { .. })));
    }
}
