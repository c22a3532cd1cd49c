//! Making a layer, or taking it from the cache.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use image::{CommitOptions, Digest, LayerId, Scratch};
use rustix::fs::{Gid, Mode, Uid};

use super::session::Session;
use super::stage::StageBuilder;
use crate::cache::Record;
use crate::error::StepError;
use crate::hash::Hasher;
use crate::tree::Tree;

/// A new layer's directories.
pub(super) struct Upper {
    scratch: Scratch,
}

impl Upper {
    /// Receives the layer's files.
    pub(super) fn path(&self) -> PathBuf {
        self.scratch.path().join("upper")
    }

    /// A fresh directory beside it.
    pub(super) fn aside(&self, name: &str) -> Result<PathBuf, StepError> {
        let path = self.scratch.path().join(name);
        make(&path).map(|()| path)
    }
}

fn make(path: &Path) -> Result<(), StepError> {
    std::fs::create_dir(path).map_err(|source| scratch_error("make", path, source))
}

/// An error of the build's own directories.
pub(super) fn scratch_error(action: &'static str, path: &Path, source: io::Error) -> StepError {
    StepError::Scratch { action, path: path.to_owned(), source }
}

/// The key of a step: what is below, and, added by the caller, what the step itself depends on.
pub(super) fn key(session: &Session<'_>, layers: &[LayerId], instruction: &str) -> Hasher {
    let mut hasher = Hasher::new("berth step 1");
    hasher.text(instruction);
    hasher.list(layers.iter().map(ToString::to_string));
    hasher.text(&format!("{:?}", session.request.source_date_epoch));
    hasher
}

/// Takes a step's layer from the cache, or makes it; of stages that come to the same step at once, one makes it. Tells
/// whether it was there.
pub(super) fn cached_or<E>(
    builder: &StageBuilder<'_, '_>,
    key: &Digest,
    make: impl FnOnce() -> Result<Record, E>,
) -> Result<(Record, bool), E> {
    let slot = {
        let mut made = builder.session.made.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(*key).or_default())
    };
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    let known = slot.clone().or_else(|| if builder.no_cache { None } else { cached(builder.session, key) });
    let (record, cached) = match known {
        Some(record) => (record, true),
        None => (make()?, false),
    };
    *slot = Some(record.clone());
    Ok((record, cached))
}

/// The record of a step in the cache, if its layer is still there; the layer is protected then.
fn cached(session: &Session<'_>, key: &Digest) -> Option<Record> {
    let own = session.cache.get(key).filter(|record| match &record.layer {
        Some(layer) => session.lease.protect(layer).is_ok(),
        None => true,
    });
    own.or_else(|| imported(session, key))
}

/// The record of a step in a cache of elsewhere; it is in the store's own then. What cannot be had from there is made.
fn imported(session: &Session<'_>, key: &Digest) -> Option<Record> {
    let mut found = session
        .imported
        .iter()
        .filter_map(|imported| imported.get(key, session.store, session.lease).ok().flatten());
    let record = found.next()?;
    // Without it the layer is only looked up there again.
    let _ = session.cache.put(key, &record);
    Some(record)
}

/// An empty upper directory with the attributes of the root below it.
pub(super) fn begin(session: &Session<'_>, base: &Tree) -> Result<Upper, StepError> {
    let upper = Upper { scratch: session.store.scratch()? };
    let path = upper.path();
    make(&path)?;
    root_attributes(base, &path).map_err(|source| scratch_error("prepare", &path, source))?;
    Ok(upper)
}

/// Turns what is in the upper directory into a layer and remembers it.
pub(super) fn commit(session: &Session<'_>, upper: &Upper, key: &Digest) -> Result<Record, StepError> {
    let path = upper.path();
    let options = CommitOptions { clamp_mtime: session.request.source_date_epoch };
    let layer = session.store.commit_dir(session.lease, &path, &options)?;
    let record = Record { layer: (layer.entries > 0).then_some(layer.id), created: session.timestamp() };
    session
        .cache
        .put(key, &record)
        .map_err(|source| scratch_error("write the cache in", session.store.root(), source))?;
    Ok(record)
}

fn root_attributes(base: &Tree, upper: &Path) -> io::Result<()> {
    let directory = std::fs::File::open(upper)?;
    let below = match base.root()?.top() {
        Some(root) => Some(rustix::fs::fstat(root)?),
        None => None,
    };
    let (mode, uid, gid) =
        below.map_or((0o755, 0, 0), |stat| (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid));
    let own = rustix::fs::fstat(&directory)?;
    if (own.st_uid, own.st_gid) != (uid, gid) {
        rustix::fs::fchown(&directory, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    Ok(rustix::fs::fchmod(&directory, Mode::from_raw_mode(mode))?)
}
