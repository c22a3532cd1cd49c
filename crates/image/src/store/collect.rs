//! Taking away what nothing needs. Under the lock things only move out of sight; deleting them comes after it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::files::{Stamp, rename};
use super::inner::{Locked, short};
use super::session::{Held, held_by_others, remove_quietly};
use super::{Removed, StoreError};
use crate::{Digest, LayerId};

/// What may be removed if nothing else needs it.
#[derive(Default)]
pub(crate) struct Garbage {
    pub(crate) layers: BTreeSet<LayerId>,
    pub(crate) blobs: BTreeSet<Digest>,
    /// Names in `layers` that belong to no readable record.
    pub(crate) strays: BTreeSet<String>,
}

/// What was taken out of sight and is deleted when the lock is let go.
#[derive(Default)]
pub(crate) struct Freed {
    layers: Vec<LayerId>,
    bytes: u64,
    paths: Vec<PathBuf>,
}

impl Freed {
    /// Deletes; what was removed and how many bytes it had.
    pub(crate) fn finish(self) -> (Vec<Removed>, u64) {
        self.paths.iter().for_each(|path| remove_quietly(path));
        (self.layers.into_iter().map(Removed::DeletedLayer).collect(), self.bytes)
    }
}

impl Locked<'_> {
    /// Takes what nothing needs out of sight.
    pub(crate) fn collect(
        &self,
        garbage: Garbage,
        keep: &dyn Fn(&LayerId) -> bool,
    ) -> Result<Freed, StoreError> {
        let index = self.inner.index()?;
        let session = self.session()?;
        let others = held_by_others(&self.inner.tmp(), Some(session))?;
        let held = |held: Held| session.holds(&held) || others.contains(&held);
        let used = index.layers();
        let (stay, go): (Vec<LayerId>, Vec<LayerId>) = garbage
            .layers
            .iter()
            .partition(|layer| used.contains(layer) || held(Held::Layer(**layer)) || keep(layer));
        let mut freed = Freed::default();
        let mut blobs = garbage.blobs;
        for layer in &go {
            blobs.extend(self.take_layer(layer, &mut freed)?);
        }
        let needed = index.blobs();
        let of_layers: BTreeSet<Digest> = stay.iter().filter_map(|layer| self.blob_of(layer)).collect();
        for digest in blobs.iter().filter(|digest| !needed.contains(digest) && !of_layers.contains(digest)) {
            if !held(Held::Blob(*digest)) {
                self.take_blob(digest, &mut freed)?;
            }
        }
        let known: BTreeSet<String> = used.iter().chain(&stay).map(short).collect();
        for name in garbage.strays.difference(&known) {
            self.take(&self.inner.layers_dir().join(name), &mut freed)?;
            self.take(&self.inner.layers_dir().join(format!("{name}.json")), &mut freed)?;
        }
        Ok(freed)
    }

    /// Every layer and blob on the disk.
    pub(crate) fn everything(&self) -> Result<Garbage, StoreError> {
        let mut garbage = Garbage::default();
        for name in names(&self.inner.layers_dir())? {
            let short_name = name.strip_suffix(".json").unwrap_or(&name);
            match self.inner.record_id(short_name) {
                Some(id) => drop(garbage.layers.insert(id)),
                None => drop(garbage.strays.insert(short_name.to_owned())),
            }
        }
        let blobs = names(&self.inner.blobs_dir())?;
        garbage.blobs = blobs.iter().filter_map(|name| format!("sha256:{name}").parse().ok()).collect();
        Ok(garbage)
    }

    /// The compressed blob of a layer, if it has one that is known.
    fn blob_of(&self, layer: &LayerId) -> Option<Digest> {
        self.inner.layer(layer).ok().flatten().and_then(|layer| layer.blob).map(|blob| blob.digest)
    }

    /// Takes a layer away; the blob that belonged to it.
    fn take_layer(&self, id: &LayerId, freed: &mut Freed) -> Result<Option<Digest>, StoreError> {
        let record = self.inner.layer(id).ok().flatten();
        let took = self.take(&self.inner.layer_path(id), freed)?;
        self.take(&self.inner.record_path(id), freed)?;
        if took {
            freed.layers.push(*id);
            freed.bytes += record.as_ref().map_or(0, |layer| layer.size);
        }
        Ok(record.and_then(|layer| layer.blob).map(|blob| blob.digest))
    }

    fn take_blob(&self, digest: &Digest, freed: &mut Freed) -> Result<(), StoreError> {
        let path = self.inner.blob_path(digest);
        let size = fs::metadata(&path).map_or(0, |meta| meta.len());
        freed.bytes += if self.take(&path, freed)? { size } else { 0 };
        Ok(())
    }

    /// Moves a file or directory away; false when it is not there.
    fn take(&self, path: &Path, freed: &mut Freed) -> Result<bool, StoreError> {
        if Stamp::of(path)?.is_none() {
            return Ok(false);
        }
        let aside = self.session()?.new_path();
        rename(path, &aside)?;
        freed.paths.push(aside);
        Ok(true)
    }
}

fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let failed = |source| StoreError::io("read", dir, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.extend(OsStr::to_str(&name).map(str::to_owned));
    }
    Ok(names)
}
