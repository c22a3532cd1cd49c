//! Images to registries.

use super::WAITING;
use super::message::push_message;
use super::network::{Sender, parse};
use crate::{
    Engine,
    error::EngineError,
    feed::Feed,
    op::{PushRequest, RegistryAuth, TransferProgress},
};
use image::Reference;
use registry::RegistryError;
use registry::client::{self, Limits, PushOptions};

impl Engine {
    /// Pushes an image, or all that the repository has here; tells each layer and each digest. A failure is the last
    /// message. When the reader goes away the push is given up.
    ///
    /// # Errors
    /// When there is no such image.
    pub async fn image_push(&self, request: PushRequest) -> Result<Feed<TransferProgress>, EngineError> {
        let reference = parse(&request.reference)?;
        let references = match request.all_tags {
            true => self.tags_here(&reference).await?,
            false => vec![reference.clone()],
        };
        match references.first() {
            Some(first) => drop(self.image(&first.to_string()).await?),
            None => return Err(EngineError::NoSuchImage(reference.familiar_name())),
        }
        let (sender, feed) = Feed::new(WAITING);
        let engine = self.clone();
        tokio::spawn(async move {
            let done = tokio::select! {
                () = sender.closed() => return,
                done = engine.push_told(&references, request.auth.as_ref(), &sender) => done,
            };
            if let Err(error) = done {
                let _ = sender.send(TransferProgress::failed(crate::chain(&error))).await;
            }
        });
        Ok(feed)
    }

    /// The names that a repository has in the store.
    async fn tags_here(&self, repository: &Reference) -> Result<Vec<Reference>, EngineError> {
        let repository = repository.clone();
        self.blocking(move |engine| {
            let images = engine.store().list().map_err(EngineError::store)?;
            let names = images.iter().flat_map(|image| &image.references);
            let same =
                |name: &&Reference| name.domain() == repository.domain() && name.path() == repository.path();
            Ok(names.filter(same).cloned().collect())
        })
        .await
    }

    async fn push_told(
        &self,
        references: &[Reference],
        auth: Option<&RegistryAuth>,
        sender: &Sender,
    ) -> Result<(), RegistryError> {
        for reference in references {
            let aux = self.push(reference, auth, sender).await?;
            let _ = sender.send(aux).await;
        }
        Ok(())
    }

    /// Pushes an image inside other work; the message for programs.
    pub(crate) async fn push(
        &self,
        reference: &Reference,
        auth: Option<&RegistryAuth>,
        sender: &Sender,
    ) -> Result<TransferProgress, RegistryError> {
        let credentials = self.credentials(reference.domain(), auth).await?;
        let options = PushOptions { credentials, limits: Limits::default() };
        let settings = self.registries()?;
        let name = format!("{}/{}", reference.domain(), reference.path());
        let _ =
            sender.send(TransferProgress::status(format!("The push refers to repository [{name}]"))).await;
        // A reader that is too slow misses some of it.
        let tell = |event| {
            if let Some(message) = push_message(event) {
                let _ = sender.try_send(message);
            }
        };
        let pushed = client::push(self.store(), &settings, reference, &options, &tell).await?;
        self.image_event("push", &reference.familiar(), &reference.familiar());
        let tag = reference.tag().unwrap_or("latest");
        let text = format!("{tag}: digest: {} size: {}", pushed.digest, pushed.size);
        let _ = sender.send(TransferProgress::status(text)).await;
        let aux = serde_json::json!({"Tag": tag, "Digest": pushed.digest.to_string(), "Size": pushed.size});
        Ok(TransferProgress { aux: Some(aux), ..TransferProgress::default() })
    }
}
