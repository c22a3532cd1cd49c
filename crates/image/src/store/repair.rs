//! Mending what [`Store::verify`] found.

use super::files::{exists, rename};
use super::layers::make_layer_dir;
use super::{ImportError, ImportOptions, Store, StoreError};
use crate::{Digest, LayerId};

impl Store {
    /// Unpacks a damaged layer again from its blob; false when it has none that is whole.
    pub fn rebuild_layer(&self, id: &LayerId) -> Result<bool, StoreError> {
        let Ok(Some(layer)) = self.inner.layer(id) else { return Ok(false) };
        let Some(blob) = layer.blob else { return Ok(false) };
        let Ok(mut file) = self.open_blob(&blob.digest) else { return Ok(false) };
        let scratch = self.scratch()?;
        let fresh = scratch.path().join("layer");
        make_layer_dir(&fresh)?;
        let options = ImportOptions {
            expected_digest: Some(blob.digest),
            expected_diff_id: Some(*id),
            ..ImportOptions::default()
        };
        match self.unpack_checked(&mut file, &fresh, &options) {
            Ok(()) => {}
            Err(ImportError::Store(error)) => return Err(error),
            Err(_) => return Ok(false),
        }
        let _locked = self.inner.lock()?;
        let place = self.inner.layer_path(id);
        if exists(&place) {
            rename(&place, &scratch.path().join("damaged"))?;
        }
        rename(&fresh, &place)?;
        Ok(true)
    }

    /// Takes a damaged layer away, though images have it: the next pull or load of one makes it anew.
    pub fn drop_layer(&self, id: &LayerId) -> Result<(), StoreError> {
        let scratch = self.scratch()?;
        let _locked = self.inner.lock()?;
        for (path, name) in [(self.inner.layer_path(id), "layer"), (self.inner.record_path(id), "record")] {
            if exists(&path) {
                rename(&path, &scratch.path().join(name))?;
            }
        }
        Ok(())
    }

    /// Takes a damaged blob away.
    pub fn drop_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        let scratch = self.scratch()?;
        let _locked = self.inner.lock()?;
        let path = self.inner.blob_path(digest);
        if exists(&path) { rename(&path, &scratch.path().join("blob")) } else { Ok(()) }
    }
}
