//! Removing images, and what no image needs any more.

use std::collections::BTreeSet;

use super::collect::Garbage;
use super::images::find;
use super::index::Index;
use super::{PruneReport, RemoveError, Removed, Store, StoreError, Usage};
use crate::{Digest, ImageId, LayerId};

impl Store {
    /// Removes a name, or the image with it when it was the last one, with Docker's rules for `rmi`; `usage` says
    /// who uses an image, `keep` which layers are to stay although no image has them (a build cache's, a container's).
    ///
    /// A forced removal of an image that a stopped container uses takes its names away; the image itself goes with the
    /// next [`Store::prune`] after the container.
    pub fn remove(
        &self,
        name: &str,
        force: bool,
        usage: &dyn Fn(&ImageId) -> Usage,
        keep: &dyn Fn(&LayerId) -> bool,
    ) -> Result<Vec<Removed>, RemoveError> {
        let locked = self.inner.lock()?;
        let (mut removed, garbage) = locked.update(|index| unname(index, name, force, usage))?;
        let freed = locked.collect(garbage, keep)?;
        drop(locked);
        removed.extend(freed.finish().0);
        Ok(removed)
    }

    /// Removes those of the given layers (with their blobs) and blobs that no image and no lease needs; for what was made
    /// for an image that did not come to be.
    pub fn discard(&self, layers: &[LayerId], blobs: &[Digest]) -> Result<(), StoreError> {
        if layers.is_empty() && blobs.is_empty() {
            return Ok(());
        }
        let locked = self.inner.lock()?;
        let (layers, blobs) = (layers.iter().copied().collect(), blobs.iter().copied().collect());
        let garbage = Garbage { layers, blobs, ..Garbage::default() };
        let freed = locked.collect(garbage, &|_| false)?;
        drop(locked);
        freed.finish();
        Ok(())
    }

    /// Removes images without a name (all unused ones if `all`), then layers and blobs nothing refers to; `keep` says
    /// which layers are to stay although no image has them.
    pub fn prune(
        &self,
        all: bool,
        usage: &dyn Fn(&ImageId) -> Usage,
        keep: &dyn Fn(&LayerId) -> bool,
    ) -> Result<PruneReport, StoreError> {
        let locked = self.inner.lock()?;
        let mut removed = locked.update(|index| Ok::<_, StoreError>(drop_unused(index, all, usage)))?;
        let freed = locked.collect(locked.everything()?, keep)?;
        drop(locked);
        let (gone, freed) = freed.finish();
        removed.extend(gone);
        Ok(PruneReport { removed, freed })
    }
}

/// Takes names, and the image if none is left, out of the index.
fn unname(
    index: &mut Index,
    name: &str,
    force: bool,
    usage: &dyn Fn(&ImageId) -> Usage,
) -> Result<(Vec<Removed>, Garbage), RemoveError> {
    let found = find(index, name)?;
    let names = index.names(&found.id);
    if let Some(reference) = found.reference.filter(|_| names.len() > 1) {
        index.references.remove(&reference.to_string());
        let (mut removed, mut garbage) = (vec![Removed::Untagged(reference)], Garbage::default());
        drop_platforms(index, usage, &mut removed, &mut garbage);
        return Ok((removed, garbage));
    }
    let stays = match usage(&found.id) {
        Usage::Unused => false,
        Usage::Stopped(_) if force => true,
        Usage::Stopped(container) => return Err(in_use(name, found.id, container, false)),
        Usage::Running(container) => return Err(in_use(name, found.id, container, true)),
    };
    if names.len() > 1 && !force {
        let references = names.iter().map(crate::Reference::familiar).collect();
        return Err(RemoveError::SeveralNames { id: found.id, references });
    }
    index.references.retain(|_, image| *image != found.id);
    let mut removed: Vec<Removed> = names.into_iter().map(Removed::Untagged).collect();
    let mut garbage = if stays { Garbage::default() } else { drop_image(index, &found.id) };
    removed.extend((!stays).then_some(Removed::Deleted(found.id)));
    drop_platforms(index, usage, &mut removed, &mut garbage);
    Ok((removed, garbage))
}

/// Takes away what belonged to indexes whose name is gone: their documents, and images of theirs without a name.
fn drop_platforms(
    index: &mut Index,
    usage: &dyn Fn(&ImageId) -> Usage,
    removed: &mut Vec<Removed>,
    garbage: &mut Garbage,
) {
    let stale = index.drop_stale_platforms();
    let named: BTreeSet<ImageId> = index.references.values().copied().chain(index.of_platforms()).collect();
    for record in stale {
        garbage.blobs.extend(record.blobs);
        for id in record.images.iter().filter(|id| !named.contains(id) && usage(id) == Usage::Unused) {
            removed.extend(index.images.contains_key(id).then_some(Removed::Deleted(*id)));
            let own = drop_image(index, id);
            garbage.layers.extend(own.layers);
            garbage.blobs.extend(own.blobs);
        }
    }
}

fn in_use(name: &str, id: ImageId, container: String, running: bool) -> RemoveError {
    RemoveError::InUse { name: name.to_owned(), id, container, running }
}

/// Takes an image out of the index; what was its own.
fn drop_image(index: &mut Index, id: &ImageId) -> Garbage {
    let Some(record) = index.images.remove(id) else { return Garbage::default() };
    let blobs = record.blobs.into_iter().chain([*id.digest()]).collect();
    Garbage { layers: record.layers.into_iter().collect(), blobs, ..Garbage::default() }
}

fn drop_unused(index: &mut Index, all: bool, usage: &dyn Fn(&ImageId) -> Usage) -> Vec<Removed> {
    let named: BTreeSet<ImageId> = index.references.values().copied().chain(index.of_platforms()).collect();
    let ids: Vec<ImageId> = index.images.keys().copied().collect();
    let mut removed = Vec::new();
    for id in ids.iter().filter(|id| (all || !named.contains(id)) && usage(id) == Usage::Unused) {
        removed.extend(index.names(id).into_iter().map(Removed::Untagged));
        index.references.retain(|_, image| image != id);
        drop_image(index, id);
        removed.push(Removed::Deleted(*id));
    }
    removed
}
