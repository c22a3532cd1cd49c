//! Leases: what is being made is not removed meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use super::inner::{Inner, Locked};
use super::session::Held;
use super::{Image, Store, StoreError};
use crate::LayerId;

/// Protects what is being made from [`Store::prune`] and [`Store::remove`] of every process until it is dropped.
#[derive(Debug)]
pub struct Lease {
    inner: Arc<Inner>,
    held: Mutex<Vec<Held>>,
}

impl Lease {
    /// Protects an existing layer as well.
    ///
    /// Errors: [`StoreError::MissingLayer`] when it is already gone.
    pub fn protect(&self, layer: &LayerId) -> Result<(), StoreError> {
        let locked = self.inner.lock()?;
        if !self.inner.has_layer(layer) {
            return Err(StoreError::MissingLayer { layer: *layer });
        }
        self.hold(&locked, Held::Layer(*layer))
    }

    /// Protects the layers and the configuration of an image as well.
    ///
    /// Errors: [`StoreError::MissingLayer`] or [`StoreError::MissingBlob`] when something of it is already gone.
    pub fn protect_image(&self, image: &Image) -> Result<(), StoreError> {
        image.layers.iter().try_for_each(|layer| self.protect(layer))?;
        let locked = self.inner.lock()?;
        let config = *image.id.digest();
        if !self.inner.has_blob(&config) {
            return Err(StoreError::MissingBlob { digest: config });
        }
        self.hold(&locked, Held::Blob(config))
    }

    /// The lock may be that of another handle of the same store; the session is the one the lease began with.
    pub(crate) fn hold(&self, _locked: &Locked<'_>, held: Held) -> Result<(), StoreError> {
        let Some(session) = self.inner.existing_session() else { return Ok(()) };
        session.hold(held)?;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(held);
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let held = std::mem::take(self.held.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(session) = self.inner.existing_session() {
            session.release(&held);
        }
    }
}

impl Store {
    /// Starts a lease; everything made under it stays until it is dropped.
    pub fn lease(&self) -> Result<Lease, StoreError> {
        self.inner.session()?;
        Ok(Lease { inner: Arc::clone(&self.inner), held: Mutex::default() })
    }
}
