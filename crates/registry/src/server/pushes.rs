//! What was uploaded and may have no manifest yet: it is protected for a time, and removed then if no image came of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use image::{Digest, LayerId, Lease, Store, StoreError};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Server, lock};

/// A layer or document that came.
pub(super) struct Part {
    since: Instant,
    lease: Lease,
    layer: Option<LayerId>,
    blob: Option<Digest>,
    /// Whether the store did not have it before.
    fresh: bool,
}

impl Part {
    pub(super) fn layer(lease: Lease, layer: LayerId, fresh: bool) -> Self {
        Self { since: Instant::now(), lease, layer: Some(layer), blob: None, fresh }
    }

    pub(super) fn blob(lease: Lease, blob: Digest, fresh: bool) -> Self {
        Self { since: Instant::now(), lease, layer: None, blob: Some(blob), fresh }
    }
}

/// Everything that came of late.
#[derive(Default)]
pub(super) struct Pushes(Mutex<Vec<Part>>);

impl Pushes {
    pub(super) fn keep(&self, part: Part) {
        lock(&self.0).push(part);
    }

    /// Lets go of what an image or index has now.
    pub(super) fn settle(&self, layers: &[LayerId], blobs: &[Digest]) {
        let settled = |part: &mut Part| {
            part.layer.is_some_and(|layer| layers.contains(&layer))
                || part.blob.is_some_and(|blob| blobs.contains(&blob))
        };
        lock(&self.0).retain_mut(|part| !settled(part));
    }

    /// Gives up what came that long ago; what no image came of goes.
    fn expire(&self, store: &Store, idle: Duration) -> Result<(), StoreError> {
        let expired: Vec<Part> = lock(&self.0).extract_if(.., |part| part.since.elapsed() >= idle).collect();
        let layers: Vec<LayerId> =
            expired.iter().filter(|part| part.fresh).filter_map(|part| part.layer).collect();
        let blobs: Vec<Digest> =
            expired.iter().filter(|part| part.fresh).filter_map(|part| part.blob).collect();
        expired.into_iter().for_each(|part| drop(part.lease));
        store.discard(&layers, &blobs)
    }
}

impl Server {
    /// Removes what was abandoned, until the future is dropped.
    pub(super) async fn sweep(self: Arc<Self>) {
        let mut ticks = interval((self.idle / 4).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let idle = self.idle;
            lock(&self.uploads).retain(|_, upload| match upload.try_lock() {
                Ok(upload) => upload.used.elapsed() < idle,
                Err(_) => true,
            });
            let swept = self.blocking(move |server| Ok(server.pushes.expire(&server.store, idle)?)).await;
            if let Err(error) = swept {
                tracing::warn!(?error, "what an abandoned push left stays until the next prune");
            }
        }
    }
}
