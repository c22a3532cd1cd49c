//! Sources of `ADD` on other hosts.

use std::ffi::OsStr;
use std::path::PathBuf;

use image::Scratch;

use crate::builder::layer::scratch_error;
use crate::builder::stage::StageBuilder;
use crate::context::Ignore;
use crate::error::StepError;
use crate::fetch::{self, Address, Download, GitOptions, SourceError};
use crate::request::Cancel;
use crate::transfer::TransferError;
use crate::transfer::select::{Origin, Selected};
use crate::tree::{Entry, Tree};

/// Something that was fetched.
pub(super) struct Taken {
    pub(super) tree: Tree,
    what: What,
    /// Its address, without passwords.
    pub(super) address: String,
    /// The commit of a repository that comes with its own directory.
    pub(super) commit: Option<String>,
    /// Holds the tree's files.
    _scratch: Option<Scratch>,
}

enum What {
    /// The file of that entry, and the name it is stored by.
    File(Entry, Option<String>),
    /// The whole tree.
    Directory,
}

/// Fetches a source.
pub(super) fn take(
    builder: &StageBuilder<'_, '_>,
    address: &Address,
    checksum: Option<&str>,
    keep_git_dir: bool,
) -> Result<Taken, StepError> {
    let session = builder.session;
    match address {
        Address::Http(url) => {
            let (store, remote, cancel) = (session.store, session.images.remote, &session.cancel);
            let (directory, file, name) =
                fetch::download(&Download { store, remote, cancel, url, checksum })?;
            let fail = |source| scratch_error("read", &directory, source);
            let tree = Tree::plain(&directory).map_err(fail)?;
            let entry = tree.root().and_then(|root| root.lookup("".as_ref(), OsStr::new(&file)));
            let entry = entry.map_err(fail)?.ok_or_else(|| fail(std::io::ErrorKind::NotFound.into()))?;
            let address = fetch::shown(url);
            Ok(Taken { tree, what: What::File(entry, name), address, commit: None, _scratch: None })
        }
        Address::Git(git) => {
            let scratch = session.store.scratch()?;
            let options = GitOptions {
                request: session.request,
                cancel: &session.cancel,
                scratch: scratch.path(),
                known_hosts: &session.store.root().join("known_hosts"),
                keep_git_dir,
                checksum,
            };
            let (directory, commit) = fetch::checkout(git, &options)?;
            let tree = Tree::plain(&directory).map_err(|source| scratch_error("read", &directory, source))?;
            let address = fetch::shown(&git.url);
            Ok(Taken { tree, what: What::Directory, address, commit, _scratch: Some(scratch) })
        }
    }
}

impl Taken {
    /// What is copied of it to `destination`.
    pub(super) fn select(
        &self,
        exclude: &Ignore,
        cancel: &Cancel,
        destination: &str,
    ) -> Result<Selected, StepError> {
        match &self.what {
            What::File(entry, name) => {
                let no_name = || SourceError::NoName { url: self.address.clone() };
                let name = match name {
                    Some(name) => PathBuf::from(name),
                    None if destination.ends_with('/') => return Err(no_name().into()),
                    None => PathBuf::new(),
                };
                Ok(Selected::File { entry: entry.clone(), name })
            }
            What::Directory => {
                let none = Ignore::default();
                let origin = Origin {
                    tree: &self.tree,
                    ignore: &none,
                    exclude,
                    devices: false,
                    name: &self.address,
                    cancel,
                };
                let all = origin.select("/")?.into_iter().next();
                let nothing =
                    || TransferError::NoMatch { pattern: "/".to_owned(), origin: self.address.clone() };
                Ok(all.ok_or_else(nothing)?)
            }
        }
    }
}
