//! Layers and the disk: writing thousands of files through to it would take longer than making them, so a layer is used
//! at once and written through in the background, with the blob it came as. Until that is done its record names the boot
//! it was made in; after another boot such a layer and its blob are checked against their digests before it is used.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use super::files::{rename, to_json, write_file};
use super::inner::Inner;
use super::layers::Record;
use super::{Store, StoreError};
use crate::LayerId;

/// The layers made by this process that may not be on the disk yet.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    /// Held while layers are written, so that whoever asks meanwhile waits for them too.
    turn: Mutex<()>,
    layers: Mutex<BTreeSet<LayerId>>,
    /// Whether a thread is about to write them through.
    scheduled: AtomicBool,
}

impl Unsynced {
    fn layers(&self) -> MutexGuard<'_, BTreeSet<LayerId>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What distinguishes this boot of the machine from any other.
pub(crate) fn boot_id() -> Option<&'static str> {
    static ID: OnceLock<Option<String>> = OnceLock::new();
    let read = || fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned());
    ID.get_or_init(read).as_deref()
}

impl Store {
    /// Waits until every layer made by this process is on the disk.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync()
    }

    /// Starts to write layers through without waiting for it.
    pub(super) fn sync_soon(&self) {
        if self.inner.unsynced.scheduled.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(&self.inner);
        let run = move || {
            if let Err(error) = inner.sync() {
                tracing::warn!(%error, "layers are not known to be on the disk; they are checked after the next boot");
            }
        };
        if let Err(error) = thread::Builder::new().name("image-sync".to_owned()).spawn(run) {
            self.inner.unsynced.scheduled.store(false, Ordering::Release);
            tracing::warn!(%error, "cannot start a thread to write layers to the disk");
        }
    }

    /// Checks a layer that was made in another boot and never written through.
    pub(super) fn check_after_boot(&self, id: &LayerId) -> Result<(), StoreError> {
        let Some(record) = self.inner.record(id)? else { return Ok(()) };
        let same_boot = |boot: &str| boot_id().is_none_or(|now| now == boot);
        if record.unsynced.as_deref().is_none_or(same_boot) {
            return Ok(());
        }
        self.check_layer(id)?;
        self.inner.mark_synced(id)
    }
}

impl Inner {
    pub(crate) fn note_unsynced(&self, id: LayerId) {
        self.unsynced.layers().insert(id);
    }

    fn sync(&self) -> Result<(), StoreError> {
        let _turn = self.unsynced.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.unsynced.scheduled.store(false, Ordering::Release);
        let layers = std::mem::take(&mut *self.unsynced.layers());
        if layers.is_empty() {
            return Ok(());
        }
        let failed = |source: std::io::Error| StoreError::io("write through", self.root(), source);
        let root = File::open(self.root()).map_err(failed)?;
        rustix::fs::syncfs(&root).map_err(|errno| failed(errno.into()))?;
        layers.iter().try_for_each(|layer| self.mark_synced(layer))
    }

    fn mark_synced(&self, id: &LayerId) -> Result<(), StoreError> {
        self.change_record(id, |record| record.unsynced = None)
    }

    /// Rewrites a layer's record, if there is one.
    pub(crate) fn change_record(
        &self,
        id: &LayerId,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), StoreError> {
        let locked = self.lock()?;
        let Some(mut record) = self.record(id)? else { return Ok(()) };
        change(&mut record);
        let (path, temporary) = (self.record_path(id), locked.session()?.new_path());
        write_file(&temporary, &to_json(&record, &path)?, false)?;
        rename(&temporary, &path)
    }
}
