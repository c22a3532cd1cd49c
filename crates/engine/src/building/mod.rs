//! Building images: the builder with containers of this engine.

mod agent;
mod container;
mod mounts;
mod prune;
mod remote;
mod runner;
mod upload;

pub use upload::UploadedContext;

use crate::{Engine, error::EngineError, feed::Feed, op::Problem};
use ::build::{BuildError, BuildEvent, BuildRequest, BuildResult};
use remote::EngineRemote;
use runner::EngineRunner;
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, task::JoinHandle};

/// What a build tells while it goes on; the last one is the event `finished`, or `Failed`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BuildProgress {
    /// Something happened.
    Event(BuildEvent),
    /// There is no image.
    Failed {
        /// Why.
        error: Problem,
    },
}

impl BuildProgress {
    /// The failure of a build, as a user reads it.
    pub(crate) fn failed(error: &BuildError) -> Self {
        Self::Failed { error: Problem { message: crate::chain(error) } }
    }
}

/// Events that may wait for a slow reader.
const WAITING: usize = 256;

impl Engine {
    /// Builds an image; tells each event as it comes, and last the result or the failure. When the reader goes away the
    /// build is cancelled.
    pub async fn build(&self, request: BuildRequest) -> Result<Feed<BuildProgress>, EngineError> {
        self.build_holding(request, ()).await
    }

    /// As [`Engine::build`], and keeps a thing (the context) until the build has ended.
    pub async fn build_holding<T: Send + 'static>(
        &self,
        request: BuildRequest,
        held: T,
    ) -> Result<Feed<BuildProgress>, EngineError> {
        let (sender, feed) = Feed::new(WAITING);
        let watch = cancel_when_closed(&request, &sender);
        let (engine, runtime) = (self.clone(), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || {
            let done = engine.build_blocking(&request, &runtime, &sender);
            watch.abort();
            if let Err(error) = done {
                let _ = sender.blocking_send(BuildProgress::failed(&error));
            }
            drop(held);
        });
        Ok(feed)
    }

    /// As [`Engine::build`], inside other work: the caller hears of the events by `told` and gets the result.
    pub(crate) fn build_blocking(
        &self,
        request: &BuildRequest,
        runtime: &tokio::runtime::Handle,
        told: &mpsc::Sender<BuildProgress>,
    ) -> Result<BuildResult, BuildError> {
        let runner = EngineRunner::new(self.clone(), runtime.clone());
        let remote = EngineRemote { engine: self.clone(), runtime: runtime.clone() };
        let result = ::build::build(self.store(), &runner, &remote, request, &mut |event| {
            // A reader that is gone cancels the build; there is nobody to tell.
            let _ = told.blocking_send(BuildProgress::Event(event));
        })?;
        for tag in &result.tags {
            self.image_event("tag", &result.image, tag);
        }
        Ok(result)
    }
}

/// Cancels a build when nobody reads of it any more; to be aborted at its end.
fn cancel_when_closed(request: &BuildRequest, sender: &mpsc::Sender<BuildProgress>) -> JoinHandle<()> {
    let (cancel, watched) = (request.cancel.clone(), sender.clone());
    tokio::spawn(async move {
        watched.closed().await;
        cancel.cancel();
    })
}
