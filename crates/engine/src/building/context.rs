//! Build contexts of other hosts.

use super::{BuildProgress, WAITING, remote::EngineRemote};
use crate::{Engine, error::EngineError, feed::Feed, op::Problem};
use ::build::{BuildRequest, DockerfileSource, RemoteContext, fetch_context};
use beneath::Root;
use image::{ExtractOptions, Scratch};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    path::Path,
};

/// A Dockerfile that stands alone is no longer, in bytes.
const DOCKERFILE_LIMIT: u64 = 16 << 20;

/// Why a context of another host cannot be used.
#[derive(Debug, thiserror::Error)]
enum ContextError {
    /// It cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] ::build::SourceError),
    /// There is no place for it.
    #[error("there is no place for the build context")]
    Place(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is neither an archive nor a Dockerfile.
    #[error("the build context cannot be unpacked")]
    Unpack(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Engine {
    /// Builds from a context that is at an address: a repository, an archive, or a Dockerfile alone. Tells as
    /// [`Engine::build`].
    pub async fn build_remote(
        &self,
        request: BuildRequest,
        address: String,
    ) -> Result<Feed<BuildProgress>, EngineError> {
        let (sender, feed) = Feed::new(WAITING);
        let watch = super::cancel_when_closed(&request, &sender);
        let (engine, runtime) = (self.clone(), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || {
            let failed = match engine.fetched(request, &address, &runtime) {
                Ok((_context, request)) => {
                    engine.build_blocking(&request, &runtime, &sender).err().map(|error| crate::chain(&error))
                }
                Err(error) => Some(crate::chain(&error)),
            };
            watch.abort();
            if let Some(message) = failed {
                let _ = sender.blocking_send(BuildProgress::Failed { error: Problem { message } });
            }
        });
        Ok(feed)
    }

    /// Fetches the context of a request; it is there as long as what comes with it.
    fn fetched(
        &self,
        mut request: BuildRequest,
        address: &str,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(Scratch, BuildRequest), ContextError> {
        let place = |error| ContextError::Place(Box::new(error));
        let scratch = self.store().scratch().map_err(place)?;
        let remote = EngineRemote { engine: self.clone(), runtime: runtime.clone() };
        let known_hosts = self.store().root().join("known_hosts");
        match fetch_context(address, &request, &remote, scratch.path(), &known_hosts)? {
            RemoteContext::Directory(directory) => request.context = directory,
            RemoteContext::File(file) => {
                request.context = scratch.path().join("context");
                std::fs::create_dir(&request.context)
                    .map_err(|error| ContextError::Place(Box::new(error)))?;
                if let Some(dockerfile) = unpack(&file, &request.context)? {
                    request.dockerfile = DockerfileSource::Inline(dockerfile);
                }
            }
        }
        Ok((scratch, request))
    }
}

/// Unpacks an archive; what is none is a Dockerfile, whose text it gives.
fn unpack(file: &Path, directory: &Path) -> Result<Option<String>, ContextError> {
    let failed = |error: io::Error| ContextError::Unpack(Box::new(error));
    let mut file = File::open(file).map_err(failed)?;
    let mut text = String::new();
    // What is longer or no text is an archive, or nothing that can be used.
    let read = (&mut file).take(DOCKERFILE_LIMIT).read_to_string(&mut text);
    if read.is_ok() && !text.contains('\0') {
        return Ok(Some(text));
    }
    file.rewind().map_err(failed)?;
    let root = Root::open(directory).map_err(|error| ContextError::Place(Box::new(error)))?;
    image::extract(&root, Path::new("/"), &mut file, &ExtractOptions::default())
        .map_err(|error| ContextError::Unpack(Box::new(error)))?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(content: &[u8]) -> (tempfile::TempDir, Result<Option<String>, ContextError>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("fetched");
        std::fs::write(&file, content).unwrap();
        let done = unpack(&file, dir.path());
        (dir, done)
    }

    #[test]
    fn text_is_a_dockerfile() {
        assert_eq!(unpacked(b"FROM scratch\n").1.unwrap().unwrap(), "FROM scratch\n");
    }

    #[test]
    fn an_archive_is_unpacked_and_what_is_neither_is_refused() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.set_mode(0o644);
        archive.append_data(&mut header, "file", b"x".as_slice()).unwrap();
        let (dir, done) = unpacked(&archive.into_inner().unwrap());
        assert_eq!(done.unwrap(), None);
        assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), b"x");
        assert!(matches!(unpacked(&[0; 700]).1, Ok(None)));
        assert!(matches!(unpacked(&[0xff; 700]).1, Err(ContextError::Unpack(_))));
    }
}
