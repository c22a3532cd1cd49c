//! Checking everything the index refers to.

use std::collections::BTreeMap;
use std::fs::File;

use super::layers::{make_layer_dir, open_dir, unpack_to};
use super::{CommitError, ImportError, Layer, Problem, Store, StoreError};
use crate::archive::pack_layer;
use crate::{Digest, ImageConfig, ImageId, LayerId};

impl Store {
    /// Checks everything the index refers to: blobs against digests, layer directories against their tar's digest. Reads
    /// all of it, so it takes as long as the disk needs.
    pub fn verify(&self) -> Result<Vec<Problem>, StoreError> {
        let index = self.inner.index()?;
        let mut problems = Vec::new();
        let mut users: BTreeMap<LayerId, Vec<ImageId>> = BTreeMap::new();
        for (id, record) in &index.images {
            for digest in record.blobs.iter().chain([id.digest()]) {
                let found = self.check_blob(digest);
                note(&mut problems, &[*id], found)?;
            }
            note(&mut problems, &[*id], self.check_config(id, &record.layers))?;
            record.layers.iter().for_each(|layer| users.entry(*layer).or_default().push(*id));
        }
        for (layer, images) in &users {
            match self.check_layer(layer) {
                Err(error) if is_noted(&problems, &error) => {}
                found => note(&mut problems, images, found)?,
            }
        }
        Ok(problems)
    }

    fn check_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        let mut file = self.open_blob(digest)?;
        match hash_file(&mut file).map_err(|source| self.blob_failed(digest, source))? {
            found if found == *digest => Ok(()),
            found => {
                let path = self.inner.blob_path(digest);
                Err(StoreError::CorruptBlob { digest: *digest, found, path })
            }
        }
    }

    fn check_config(&self, id: &ImageId, layers: &[LayerId]) -> Result<(), StoreError> {
        // A blob that is missing or damaged was noted already.
        let Ok(content) = self.inner.read_blob(id.digest()) else { return Ok(()) };
        let invalid =
            |source| StoreError::InvalidBlob { digest: *id.digest(), what: "image configuration", source };
        let config: ImageConfig = serde_json::from_slice(&content).map_err(invalid)?;
        match config.rootfs.diff_ids.iter().find(|layer| !layers.contains(layer)) {
            Some(layer) => Err(StoreError::MissingLayer { layer: *layer }),
            None => Ok(()),
        }
    }

    pub(super) fn check_layer(&self, id: &LayerId) -> Result<(), StoreError> {
        let layer = self.inner.layer(id)?.ok_or(StoreError::MissingLayer { layer: *id })?;
        let found = self.tree_digest(&self.layer_path(id), id)?;
        let expected = match &layer.blob {
            None => *id.digest(),
            Some(_) => self.digest_of_blob_tree(&layer)?,
        };
        if found == expected { Ok(()) } else { Err(self.inner.changed(id, &found)) }
    }

    /// What the directory of a layer that is kept as a blob must hash to: that of unpacking the blob again.
    fn digest_of_blob_tree(&self, layer: &Layer) -> Result<Digest, StoreError> {
        let Some(blob) = &layer.blob else { return Ok(*layer.id.digest()) };
        self.check_blob(&blob.digest)?;
        let scratch = self.scratch()?;
        let dir = scratch.path().join("layer");
        make_layer_dir(&dir)?;
        unpack_to(&mut self.open_blob(&blob.digest)?, &dir).map_err(|error| match error {
            ImportError::Store(error) => error,
            other => self.corrupt(&layer.id, format!("its blob does not unpack: {other}")),
        })?;
        self.tree_digest(&dir, &layer.id)
    }

    fn tree_digest(&self, dir: &std::path::Path, id: &LayerId) -> Result<Digest, StoreError> {
        let packed = pack_layer(open_dir(dir)?, None, None).map_err(CommitError::from);
        packed.map(|packed| packed.digest).map_err(|error| match error {
            CommitError::Store(error) => error,
            other => self.corrupt(id, other.to_string()),
        })
    }

    fn corrupt(&self, id: &LayerId, reason: String) -> StoreError {
        StoreError::CorruptLayer { layer: *id, path: self.layer_path(id), reason }
    }

    fn blob_failed(&self, digest: &Digest, source: std::io::Error) -> StoreError {
        StoreError::io("read", &self.inner.blob_path(digest), source)
    }
}

/// Whether a blob's damage was found already.
fn is_noted(problems: &[Problem], error: &StoreError) -> bool {
    let blob = |error: &StoreError| match error {
        StoreError::CorruptBlob { digest, .. } | StoreError::MissingBlob { digest } => Some(*digest),
        _ => None,
    };
    blob(error).is_some_and(|own| problems.iter().any(|problem| blob(&problem.error) == Some(own)))
}

/// Keeps what is damage; any other error ends the check.
fn note(
    problems: &mut Vec<Problem>,
    images: &[ImageId],
    found: Result<(), StoreError>,
) -> Result<(), StoreError> {
    match found {
        Err(error @ (StoreError::Io { .. } | StoreError::DiskFull { .. })) => Err(error),
        Err(error) => {
            problems.push(Problem { images: images.to_vec(), error });
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn hash_file(file: &mut File) -> std::io::Result<Digest> {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match std::io::Read::read(file, &mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            count => hasher.update(&buffer[..count]),
        }
    }
}
