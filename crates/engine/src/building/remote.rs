//! What builds fetch from other hosts.

use crate::Engine;
use build::{Cancel, FetchError, FetchRequest, Fetched, Remote};
use image::Reference;
use registry::client::{self, FetchFailure, Limits};
use std::{future::Future, io::Write, time::Duration};
use tokio::sync::mpsc;

/// How long a cancellation may go unnoticed.
const NOTICE: Duration = Duration::from_millis(100);

/// Fetches with the engine's registry client.
#[derive(Debug)]
pub(super) struct EngineRemote {
    pub(super) engine: Engine,
    pub(super) runtime: tokio::runtime::Handle,
}

impl EngineRemote {
    /// Runs something to its end, or until the build is cancelled.
    fn run<T, E>(
        &self,
        cancel: &Cancel,
        failed: impl FnOnce(E) -> FetchError,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, FetchError> {
        let cancelled = async {
            while !cancel.is_cancelled() {
                tokio::time::sleep(NOTICE).await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                done = work => done.map_err(failed),
                () = cancelled => Err(FetchError::Cancelled),
            }
        })
    }
}

fn transfer(error: impl std::error::Error + Send + Sync + 'static) -> FetchError {
    FetchError::Transfer(Box::new(error))
}

impl Remote for EngineRemote {
    fn fetch(&self, request: &FetchRequest<'_>, to: &mut (dyn Write + Send)) -> Result<Fetched, FetchError> {
        let failed = |failure| match failure {
            FetchFailure::Write(source) => FetchError::Write(source),
            FetchFailure::Remote(error) => transfer(error),
        };
        let (etag, modified) = (request.etag, request.last_modified);
        let work = client::fetch(request.url, etag, modified, Limits::default(), to);
        let fetched = self.run(request.cancel, failed, work)?;
        Ok(Fetched {
            not_modified: fetched.not_modified,
            etag: fetched.etag,
            last_modified: fetched.last_modified,
            file_name: fetched.disposition.as_deref().and_then(file_name),
        })
    }

    fn pull(&self, reference: &str, cancel: &Cancel) -> Result<(), FetchError> {
        let parsed = Reference::parse(reference).map_err(transfer)?;
        let (sender, _) = mpsc::channel(1);
        self.run(cancel, transfer, self.engine.pull(&parsed, None, None, &sender)).map(drop)
    }

    fn push(&self, reference: &str, cancel: &Cancel) -> Result<(), FetchError> {
        let parsed = Reference::parse(reference).map_err(transfer)?;
        let (sender, _) = mpsc::channel(1);
        self.run(cancel, transfer, self.engine.push(&parsed, None, &sender)).map(drop)
    }
}

/// The name in `attachment; filename="x"` (RFC 6266; the extended form `filename*` is not read).
fn file_name(disposition: &str) -> Option<String> {
    let fields = disposition.split(';').filter_map(|field| field.trim().split_once('='));
    let (_, value) = fields.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("filename"))?;
    Some(value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_are_found_in_headers() {
        assert_eq!(file_name("attachment; filename=\"a b.tar\"").as_deref(), Some("a b.tar"));
        assert_eq!(file_name("inline;FileName=x; y=z").as_deref(), Some("x"));
        assert_eq!(file_name("attachment"), None);
    }
}
