//! Pulling the images of services.

use super::run::Teller;
use crate::op::{ProgressDetail, TransferProgress};
use crate::{Engine, chain};
use compose::model::ServiceName;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use image::Reference;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Images that are pulled at once; each fetches several layers.
const PARALLEL: usize = 2;

/// Messages of a pull that wait to be read; what comes while they are that many is missed.
const WAITING: usize = 64;

/// How often is told how far a pull is.
const TELL_EACH: Duration = Duration::from_millis(100);

impl Engine {
    /// Pulls images; the problems, each in one text.
    pub(super) async fn pull_images(
        &self,
        images: &[(String, ServiceName)],
        teller: &Teller,
    ) -> Result<(), Vec<String>> {
        let (mut running, mut problems) = (FuturesUnordered::new(), Vec::new());
        for (image, service) in images {
            if running.len() == PARALLEL {
                problems.extend(running.next().await.and_then(Result::err));
            }
            running.push(self.pull_one(image, service, teller));
        }
        while let Some(done) = running.next().await {
            problems.extend(done.err());
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    async fn pull_one(&self, image: &str, service: &ServiceName, teller: &Teller) -> Result<(), String> {
        let problem =
            |reason: String| format!("the image `{image}` of `{service}` cannot be pulled: {reason}");
        let reference = Reference::parse(image).map_err(|error| problem(chain(&error)))?;
        teller.step("image", image, "pulling").await;
        let (sender, mut told) = mpsc::channel(WAITING);
        let pulling = self.pull(&reference, None, None, &sender);
        tokio::pin!(pulling);
        let mut layers = Layers::default();
        let pulled = loop {
            tokio::select! {
                () = teller.cancelled() => return Err(problem("it was given up".to_owned())),
                pulled = &mut pulling => break pulled,
                Some(message) = told.recv() => {
                    if let Some(bytes) = layers.note(message) {
                        teller.pulled_so_far(image, bytes);
                    }
                }
            }
        };
        match pulled {
            Ok(_) => {
                teller.step("image", image, "pulled").await;
                Ok(())
            }
            Err(error) => {
                let reason = chain(&error);
                teller.failed("image", image, &reason).await;
                Err(problem(reason))
            }
        }
    }
}

/// How far the layers of an image are.
#[derive(Debug, Default)]
struct Layers {
    bytes: HashMap<String, ProgressDetail>,
    last_told: Option<Instant>,
}

impl Layers {
    /// Notes a message; yields all bytes when it is time to tell them.
    fn note(&mut self, message: TransferProgress) -> Option<ProgressDetail> {
        self.bytes.insert(message.id?, message.progress_detail?);
        let now = Instant::now();
        if self.last_told.is_some_and(|last| now.duration_since(last) < TELL_EACH) {
            return None;
        }
        self.last_told = Some(now);
        let sum = |part: fn(&ProgressDetail) -> u64| self.bytes.values().map(part).sum();
        Some(ProgressDetail { current: sum(|bytes| bytes.current), total: sum(|bytes| bytes.total) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_all_layers_are_told_together_and_not_too_often() {
        let mut layers = Layers::default();
        assert_eq!(layers.note(TransferProgress::of("a", "Already exists")), None);
        let far = |id: &str, current| TransferProgress::far(id, "Downloading", current, 10);
        assert_eq!(layers.note(far("a", 1)), Some(ProgressDetail { current: 1, total: 10 }));
        layers.last_told = Some(Instant::now() + Duration::from_secs(3600));
        assert_eq!(layers.note(far("a", 2)), None);
        layers.last_told = None;
        assert_eq!(layers.note(far("b", 5)), Some(ProgressDetail { current: 7, total: 20 }));
    }
}
