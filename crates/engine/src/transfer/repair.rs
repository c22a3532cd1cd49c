//! Checking the image store, and mending what is broken.

use super::WAITING;
use crate::{Engine, error::EngineError, op::StoreFinding};
use image::{ImageId, LayerId, LayerReport, Problem, Reference, StoreError, Usage};
use tokio::sync::mpsc;

impl Engine {
    /// Reads the whole image store and tells what is damaged. With `repair` a damaged layer is unpacked again from its
    /// blob, an image that was pulled is fetched again, and any other damaged image is removed unless a container uses it.
    pub async fn store_verify(&self, repair: bool) -> Result<Vec<StoreFinding>, EngineError> {
        let problems = self.blocking(|engine| engine.store().verify().map_err(EngineError::store)).await?;
        let mut findings = Vec::new();
        for problem in problems {
            let names = self.names_of(&problem.images);
            let done = match repair {
                true => Some(self.mend(&problem).await?),
                false => None,
            };
            findings.push(StoreFinding { images: names, problem: crate::chain(&problem.error), done });
        }
        Ok(findings)
    }

    /// What an image's bytes are, layer by layer, and which change of its Dockerfile would save them.
    pub async fn image_slim(&self, name: &str) -> Result<Vec<LayerReport>, EngineError> {
        let name = name.to_owned();
        self.blocking(move |engine| {
            let image = engine.find_image(&name)?;
            engine.store().slim(&image).map_err(EngineError::store)
        })
        .await
    }

    fn names_of(&self, images: &[ImageId]) -> Vec<String> {
        let known = |id: &ImageId| {
            let names = self.store().references(id).unwrap_or_default();
            if names.is_empty() {
                vec![id.to_string()]
            } else {
                names.iter().map(Reference::familiar).collect()
            }
        };
        images.iter().flat_map(known).collect()
    }

    /// Mends one problem; what was done, as a sentence.
    async fn mend(&self, problem: &Problem) -> Result<String, EngineError> {
        let damaged = self.damaged_layer(&problem.error).await?;
        if let Some(layer) = damaged
            && self
                .blocking(move |engine| engine.store().rebuild_layer(&layer).map_err(EngineError::store))
                .await?
        {
            return Ok("the layer was unpacked again from its blob".to_owned());
        }
        if let Some(kept) = self.kept_for_running(&problem.images).await? {
            return Ok(kept);
        }
        self.put_aside(problem, damaged).await?;
        let mut done = Vec::new();
        for id in &problem.images {
            done.push(self.fetch_or_drop(*id).await?);
        }
        Ok(if done.is_empty() { "nothing needed it: it was removed".to_owned() } else { done.join("; ") })
    }

    /// The layer that is to be made anew: the one named, or the one whose blob it is.
    async fn damaged_layer(&self, error: &StoreError) -> Result<Option<LayerId>, EngineError> {
        let wanted = match error {
            StoreError::CorruptLayer { layer, .. } | StoreError::MissingLayer { layer } => {
                return Ok(Some(*layer));
            }
            StoreError::CorruptBlob { digest, .. } | StoreError::MissingBlob { digest } => *digest,
            _ => return Ok(None),
        };
        let layers = self.blocking(|engine| engine.store().layers().map_err(EngineError::store)).await?;
        let found = layers.iter().find(|layer| layer.blob.as_ref().is_some_and(|blob| blob.digest == wanted));
        Ok(found.map(|layer| layer.id))
    }

    /// Why nothing is taken away: the files of a running container are not.
    async fn kept_for_running(&self, images: &[ImageId]) -> Result<Option<String>, EngineError> {
        let images = images.to_vec();
        self.blocking(move |engine| {
            let running = images.iter().find_map(|id| match engine.usage(id) {
                Usage::Running(container) => Some((id.short(), container)),
                Usage::Stopped(_) | Usage::Unused => None,
            });
            Ok(running.map(|(image, container)| {
                format!(
                    "image {image} stays damaged while container {container} runs: stop it and repair again"
                )
            }))
        })
        .await
    }

    /// What is damaged goes, so that it is made anew.
    async fn put_aside(&self, problem: &Problem, layer: Option<LayerId>) -> Result<(), EngineError> {
        let blob = match &problem.error {
            StoreError::CorruptBlob { digest, .. } | StoreError::InvalidBlob { digest, .. } => Some(*digest),
            _ => None,
        };
        self.blocking(move |engine| {
            let dropped = layer.map_or(Ok(()), |layer| engine.store().drop_layer(&layer));
            dropped
                .and_then(|()| blob.map_or(Ok(()), |blob| engine.store().drop_blob(&blob)))
                .map_err(EngineError::store)
        })
        .await
    }

    async fn fetch_or_drop(&self, id: ImageId) -> Result<String, EngineError> {
        let sources = self.store().repo_digests(&id).map_err(EngineError::store)?;
        let mut reasons = Vec::new();
        for source in &sources {
            let (sender, _unread) = mpsc::channel(WAITING);
            match self.pull(source, None, None, &sender).await {
                Ok(_) => return Ok(format!("fetched again from {source}")),
                Err(error) => reasons.push(crate::chain(&error)),
            }
        }
        let failed = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
        let usage = self.blocking(move |engine| Ok(engine.usage(&id))).await?;
        if let Usage::Running(container) | Usage::Stopped(container) = usage {
            let short = id.short();
            return Ok(format!("image {short} stays damaged, because container {container} uses it{failed}"));
        }
        self.blocking(move |engine| {
            let cached = engine.cached_layers();
            let keep = |layer: &LayerId| cached.contains(layer);
            let removed = engine.store().remove(&id.to_string(), true, &|_| Usage::Unused, &keep);
            removed.map_err(EngineError::store)
        })
        .await?;
        self.image_event("delete", &id.to_string(), &id.to_string());
        Ok(format!("image {} was removed: pull, load or build it again{failed}", id.short()))
    }
}
