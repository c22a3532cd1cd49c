//! Images from registries.

use super::WAITING;
use super::message::pull_message;
use super::network::{Sender, parse, platform};
use crate::{
    Engine,
    error::EngineError,
    feed::Feed,
    op::{PullRequest, RegistryAuth, TransferProgress},
};
use image::manifest::Platform;
use image::{Digest, Reference};
use registry::RegistryError;
use registry::client::{self, Limits, PullOptions, Pulled, TransferEvent};

impl Engine {
    /// Pulls an image, or all of a repository; tells each layer, the digest and the outcome. When the reader goes away
    /// the pull is given up.
    ///
    /// # Errors
    /// What fails before there is something to tell; a later failure is the last message.
    pub async fn image_pull(&self, request: PullRequest) -> Result<Feed<TransferProgress>, EngineError> {
        let reference = parse(&request.reference)?;
        let platform = platform(request.platform.as_deref())?;
        let (sender, mut feed) = Feed::new(WAITING);
        let engine = self.clone();
        let pulling = tokio::spawn(async move {
            let done = tokio::select! {
                () = sender.closed() => return Ok(()),
                done = engine.pull_told(&reference, platform, &request, &sender) => done,
            };
            if let Err(error) = &done {
                let _ = sender.send(TransferProgress::failed(crate::chain(error))).await;
            }
            done
        });
        if feed.peek().await.is_some_and(|first| first.error.is_none()) {
            return Ok(feed);
        }
        match pulling.await {
            Ok(Err(error)) => Err(EngineError::Pull(Box::new(error))),
            Ok(Ok(())) => Ok(feed),
            Err(_) => Err(EngineError::Stopping),
        }
    }

    async fn pull_told(
        &self,
        reference: &Reference,
        platform: Option<Platform>,
        request: &PullRequest,
        sender: &Sender,
    ) -> Result<(), RegistryError> {
        let auth = request.auth.as_ref();
        for reference in self.wanted(reference, request).await? {
            let pulled = self.pull(&reference, platform.clone(), auth, sender).await?;
            for message in outcome(&reference, &pulled) {
                let _ = sender.send(message).await;
            }
        }
        Ok(())
    }

    /// The name, or each of its repository.
    async fn wanted(
        &self,
        reference: &Reference,
        request: &PullRequest,
    ) -> Result<Vec<Reference>, RegistryError> {
        if !request.all_tags || reference.digest().is_some() {
            return Ok(vec![reference.clone()]);
        }
        let credentials = self.credentials(reference.domain(), request.auth.as_ref()).await?;
        let tags = client::tags(&self.registries()?, reference, credentials, Limits::default()).await?;
        // What is no tag cannot be asked for.
        Ok(tags.iter().filter_map(|tag| reference.with_tag(tag).ok()).collect())
    }

    /// Pulls an image inside other work.
    pub(crate) async fn pull(
        &self,
        reference: &Reference,
        platform: Option<Platform>,
        auth: Option<&RegistryAuth>,
        sender: &Sender,
    ) -> Result<Pulled, RegistryError> {
        let credentials = self.credentials(reference.domain(), auth).await?;
        let options = PullOptions { credentials, platform, limits: Limits::default() };
        let settings = self.registries()?;
        let tell = |event| {
            let message = match event {
                TransferEvent::Found => Some(found(reference)),
                other => pull_message(other),
            };
            // A reader that is too slow misses some of it.
            if let Some(message) = message {
                let _ = sender.try_send(message);
            }
        };
        let pulled = client::pull(self.store(), &settings, reference, &options, &tell).await?;
        self.image_event("pull", &pulled.image.id.to_string(), &reference.familiar());
        Ok(pulled)
    }
}

fn found(reference: &Reference) -> TransferProgress {
    let tag = reference.tag().filter(|_| reference.digest().is_none());
    let tag = tag.map_or_else(|| reference.to_string(), str::to_owned);
    TransferProgress::of(tag, format!("Pulling from {}", reference.path()))
}

fn outcome(reference: &Reference, pulled: &Pulled) -> Vec<TransferProgress> {
    let name = reference.familiar();
    let digest = pulled.digest.digest().map(Digest::to_string).unwrap_or_default();
    let status = match pulled.newer {
        true => format!("Status: Downloaded newer image for {name}"),
        false => format!("Status: Image is up to date for {name}"),
    };
    vec![TransferProgress::status(format!("Digest: {digest}")), TransferProgress::status(status)]
}
