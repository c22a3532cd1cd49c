//! Pulling the images of services.

use super::run::Teller;
use crate::{Engine, chain};
use compose::model::ServiceName;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use image::Reference;
use tokio::sync::mpsc;

/// Images that are pulled at once; each fetches several layers.
const PARALLEL: usize = 2;

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
        // Nobody reads the layers' progress here: the channel is only there to be told into.
        let (sender, _unread) = mpsc::channel(1);
        let pulled = tokio::select! {
            () = teller.cancelled() => return Err(problem("it was given up".to_owned())),
            pulled = self.pull(&reference, None, None, &sender) => pulled,
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
