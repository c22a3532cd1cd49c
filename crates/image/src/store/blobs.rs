//! Blobs: files named by the digest of what is in them.

use std::fs::File;
use std::path::Path;

use super::files::{exists, read_file, rename, write_file};
use super::inner::Inner;
use super::lease::Lease;
use super::session::Held;
use super::{Store, StoreError};
use crate::Digest;

impl Store {
    /// The content of a blob, verified.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        self.inner.read_blob(digest)
    }

    /// Where a blob is (whether or not it is there).
    pub fn blob_path(&self, digest: &Digest) -> std::path::PathBuf {
        self.inner.blob_path(digest)
    }

    /// Opens a blob for reading, for those too large for memory; the reader must verify what it reads.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, StoreError> {
        let path = self.inner.blob_path(digest);
        match File::open(&path) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StoreError::MissingBlob { digest: *digest })
            }
            Err(source) => Err(StoreError::io("open", &path, source)),
        }
    }

    /// Stores a blob.
    pub fn put_blob(&self, lease: &Lease, content: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(content);
        let temporary = self.inner.session()?.new_path();
        write_file(&temporary, content, true)?;
        self.inner.publish_blob(lease, &temporary, &digest)?;
        Ok(digest)
    }
}

impl Inner {
    pub(crate) fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.blob_path(digest);
        let content = read_file(&path)?.ok_or(StoreError::MissingBlob { digest: *digest })?;
        match Digest::of(&content) {
            found if found == *digest => Ok(content),
            found => Err(StoreError::CorruptBlob { digest: *digest, found, path }),
        }
    }

    /// Moves a finished file to its place. One that is there already is replaced: it may be damaged.
    pub(crate) fn publish_blob(
        &self,
        lease: &Lease,
        temporary: &Path,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        let locked = self.lock()?;
        lease.hold(&locked, Held::Blob(*digest))?;
        rename(temporary, &self.blob_path(digest))
    }

    pub(crate) fn has_blob(&self, digest: &Digest) -> bool {
        exists(&self.blob_path(digest))
    }
}
