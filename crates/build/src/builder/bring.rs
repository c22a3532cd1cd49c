//! Contexts of elsewhere, brought here before anything is read: repositories, files and archives by HTTP, OCI layouts.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use image::{Lease, Scratch, Store};

use crate::context::TEXT_LIMIT;
use crate::error::{BuildError, StepError};
use crate::fetch::{self, Address, Download, GitOptions, SourceError};
use crate::remote::Remote;
use crate::request::{BuildRequest, Cancel, DockerfileSource, NamedContext};
use crate::transfer::{TransferError, archive};

use super::key_agent::KeyAgent;
use super::layer::scratch_error;

/// What contexts are brought with.
pub(super) struct From<'a> {
    pub(super) store: &'a Store,
    pub(super) remote: &'a dyn Remote,
    /// Holds the images of layouts.
    pub(super) lease: &'a Lease,
    pub(super) cancel: &'a Cancel,
}

/// A request whose contexts are directories of this host and images of its store.
pub(super) struct Brought<'a> {
    pub(super) request: Cow<'a, BuildRequest>,
    /// Hold what was brought.
    _scratches: Vec<Scratch>,
    /// Agents with keys of files.
    _agents: Vec<KeyAgent>,
}

/// What an address turned out to be.
enum Found {
    Directory(PathBuf),
    /// A file that is no archive, and the name it has.
    File(File, Option<String>),
}

/// Brings every context that is elsewhere.
pub(super) fn bring<'a>(request: &'a BuildRequest, from: &From<'_>) -> Result<Brought<'a>, BuildError> {
    let is_here =
        |context: &NamedContext| matches!(context, NamedContext::Directory(_) | NamedContext::Image(_));
    let keys: Vec<_> = request.ssh.iter().filter_map(|(id, path)| Some((id, keys(path)?))).collect();
    if request.context_url.is_none() && request.contexts.values().all(is_here) && keys.is_empty() {
        let request = Cow::Borrowed(request);
        return Ok(Brought { request, _scratches: Vec::new(), _agents: Vec::new() });
    }
    let mut changed = request.clone();
    let (mut scratches, mut agents) = (Vec::new(), Vec::new());
    for (id, keys) in keys {
        let agent = KeyAgent::start(&keys, from.store.scratch()?)
            .map_err(|source| BuildError::Keys { id: id.clone(), source })?;
        changed.ssh.insert(id.clone(), agent.socket.clone());
        agents.push(agent);
    }
    if let Some(url) = &request.context_url {
        let scratch = from.store.scratch()?;
        let failed = |source| bring_error(url, source);
        match from.url(url, &changed, scratch.path()).map_err(failed)? {
            Found::Directory(directory) => changed.context = directory,
            Found::File(file, _) => {
                changed.context = directory_in(scratch.path()).map_err(failed)?;
                changed.dockerfile = DockerfileSource::Inline(text(file).map_err(failed)?);
            }
        }
        scratches.push(scratch);
    }
    for (name, context) in &request.contexts {
        let here = match context {
            NamedContext::Directory(_) | NamedContext::Image(_) => continue,
            NamedContext::Layout { directory, image } => from.layout(directory, image.as_deref())?,
            NamedContext::Url(url) => {
                let scratch = from.store.scratch()?;
                let directory = from.directory(url, &changed, scratch.path());
                scratches.push(scratch);
                NamedContext::Directory(directory.map_err(|source| bring_error(url, source))?)
            }
        };
        changed.contexts.insert(name.clone(), here);
    }
    Ok(Brought { request: Cow::Owned(changed), _scratches: scratches, _agents: agents })
}

/// The files of keys that an option names, separated by commas; `None` if it names an agent's socket.
fn keys(path: &Path) -> Option<Vec<&Path>> {
    if path.is_file() {
        return Some(vec![path]);
    }
    let keys: Vec<&Path> = path.to_str()?.split(',').map(Path::new).collect();
    (keys.len() > 1 && keys.iter().all(|key| key.is_file())).then_some(keys)
}

fn bring_error(url: &str, source: StepError) -> BuildError {
    match source {
        StepError::Transfer(TransferError::Cancelled) => BuildError::Cancelled,
        source => BuildError::Bring { name: fetch::shown(url), source: Box::new(source) },
    }
}

/// An empty directory.
fn directory_in(scratch: &Path) -> Result<PathBuf, StepError> {
    let path = scratch.join("files");
    std::fs::create_dir(&path).map_err(|source| scratch_error("make", &path, source))?;
    Ok(path)
}

/// The text of a Dockerfile; bytes that are not UTF-8 are replaced.
fn text(file: File) -> Result<String, StepError> {
    let mut bytes = Vec::new();
    file.take(TEXT_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| scratch_error("read", Path::new("what was fetched"), source))?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return Err(StepError::Unsupported("a Dockerfile of more than 16 MiB"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl From<'_> {
    /// A named context: a single file lies in a directory of its own.
    fn directory(&self, url: &str, request: &BuildRequest, scratch: &Path) -> Result<PathBuf, StepError> {
        match self.url(url, request, scratch)? {
            Found::Directory(directory) => Ok(directory),
            Found::File(mut file, name) => {
                let directory = directory_in(scratch)?;
                let path = directory.join(name.unwrap_or_else(|| "context".to_owned()));
                let copied = File::create(&path).and_then(|mut to| std::io::copy(&mut file, &mut to));
                copied.map_err(|source| scratch_error("write", &path, source))?;
                Ok(directory)
            }
        }
    }

    fn url(&self, url: &str, request: &BuildRequest, scratch: &Path) -> Result<Found, StepError> {
        let Self { store, remote, cancel, .. } = *self;
        let no_address = || SourceError::Address { url: fetch::shown(url), problem: "it is not a URL" };
        match fetch::parse(url)?.ok_or_else(no_address)? {
            Address::Git(git) => {
                let known_hosts = &store.root().join("known_hosts");
                let (keep_git_dir, checksum) = (false, None);
                let options = GitOptions { request, cancel, scratch, known_hosts, keep_git_dir, checksum };
                Ok(Found::Directory(fetch::checkout(&git, &options)?.0))
            }
            Address::Http(url) => {
                let checksum = None;
                let (directory, file, name) =
                    fetch::download(&Download { store, remote, cancel, url: &url, checksum })?;
                self.unpacked(&directory.join(file), name, scratch, &fetch::shown(&url))
            }
        }
    }

    /// The files of an archive, or the file.
    fn unpacked(
        &self,
        path: &Path,
        name: Option<String>,
        scratch: &Path,
        shown: &str,
    ) -> Result<Found, StepError> {
        let fail = |source| TransferError::Archive { archive: PathBuf::from(shown), source };
        let file = File::open(path).map_err(fail)?;
        let Some((compression, stream)) = archive::detect(file).map_err(fail)?.archive() else {
            return Ok(Found::File(File::open(path).map_err(fail)?, name));
        };
        let directory = directory_in(scratch)?;
        let stream = compression.reader(stream).map_err(fail)?;
        archive::unpack(Path::new(shown), stream, &directory, self.cancel)?;
        Ok(Found::Directory(directory))
    }

    fn layout(&self, directory: &Path, image: Option<&str>) -> Result<NamedContext, BuildError> {
        let loaded = self.store.load_layout(self.lease, directory, image);
        let failed =
            |source| BuildError::Layout { directory: directory.to_owned(), source: Box::new(source) };
        Ok(NamedContext::Image(loaded.map_err(failed)?.to_string()))
    }
}
