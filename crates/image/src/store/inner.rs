//! What all handles of one store share: paths, the lock, the index in memory.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::durable::Unsynced;
use super::files::{Stamp, create_dirs, exists, lock, read_json, unlock};
use super::index::{FORMAT, Index};
use super::session::{Session, held_by_others, sessions};
use super::{Image, OpenError, StoreError};
use crate::{Digest, ImageId, LayerId};

#[derive(Debug)]
pub(crate) struct Inner {
    root: PathBuf,
    lock_file: File,
    /// Held with `lock_file`'s lock, which knows processes only.
    locked: Mutex<()>,
    cache: Mutex<Cache>,
    session: OnceLock<Session>,
    pub(crate) unsynced: Unsynced,
}

/// The index as it was last read, and the images made of it.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    stamp: Option<Stamp>,
    index: Arc<Index>,
    /// With the stamp of the configuration blob each was read from.
    images: HashMap<ImageId, (Stamp, Arc<Image>)>,
}

impl Cache {
    /// An image read under the same index from the same file.
    pub(crate) fn image(&self, index: &Arc<Index>, id: &ImageId, stamp: Stamp) -> Option<Arc<Image>> {
        let (known, image) = self.images.get(id).filter(|_| Arc::ptr_eq(index, &self.index))?;
        (*known == stamp).then(|| Arc::clone(image))
    }

    /// Keeps an image, unless the index was replaced since.
    pub(crate) fn keep(&mut self, index: &Arc<Index>, stamp: Stamp, image: &Arc<Image>) {
        if Arc::ptr_eq(index, &self.index) {
            self.images.insert(image.id, (stamp, Arc::clone(image)));
        }
    }
}

/// The store's lock; nobody else changes the index or removes anything meanwhile.
pub(crate) struct Locked<'a> {
    pub(crate) inner: &'a Inner,
    _thread: MutexGuard<'a, ()>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        unlock(&self.inner.lock_file);
    }
}

impl Inner {
    pub(crate) fn open(root: &Path) -> Result<Self, OpenError> {
        let layers = root.join("layers");
        if !exists(&layers) {
            for dir in [root.to_owned(), root.join("blobs/sha256"), root.join("tmp"), layers] {
                create_dirs(&dir)?;
            }
        }
        let lock_path = root.join("lock");
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let inner = Self {
            root: root.to_owned(),
            lock_file: opened.map_err(|source| StoreError::io("open", &lock_path, source))?,
            locked: Mutex::new(()),
            cache: Mutex::default(),
            session: OnceLock::new(),
            unsynced: Unsynced::default(),
        };
        inner.check_format()?;
        inner.clean()?;
        Ok(inner)
    }

    fn check_format(&self) -> Result<(), OpenError> {
        let found = self.index()?.format;
        if found > FORMAT {
            return Err(OpenError::Format { path: self.root.clone(), found, supported: FORMAT });
        }
        Ok(())
    }

    /// Removes what dead processes left.
    fn clean(&self) -> Result<(), StoreError> {
        let tmp = self.tmp();
        if !sessions(&tmp)?.is_empty() {
            let _locked = self.lock()?;
            held_by_others(&tmp, None)?;
        }
        Ok(())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.root.join("index.json")
    }

    pub(crate) fn layers_dir(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn blobs_dir(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs_dir().join(digest.hex())
    }

    pub(crate) fn layer_path(&self, layer: &LayerId) -> PathBuf {
        self.layers_dir().join(short(layer))
    }

    pub(crate) fn record_path(&self, layer: &LayerId) -> PathBuf {
        self.layers_dir().join(short(layer) + ".json")
    }

    pub(crate) fn lock(&self) -> Result<Locked<'_>, StoreError> {
        let thread = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        lock(&self.lock_file, &self.root.join("lock"))?;
        Ok(Locked { inner: self, _thread: thread })
    }

    /// This process's session, made when it is first needed.
    pub(crate) fn session(&self) -> Result<&Session, StoreError> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        self.lock()?.session()
    }

    pub(crate) fn existing_session(&self) -> Option<&Session> {
        self.session.get()
    }

    /// The index as it is on the disk now.
    pub(crate) fn index(&self) -> Result<Arc<Index>, StoreError> {
        Ok(Arc::clone(&self.cache()?.index))
    }

    /// The cache, read anew if the index was replaced.
    pub(crate) fn cache(&self) -> Result<MutexGuard<'_, Cache>, StoreError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.index_path();
        let stamp = Stamp::of(&path)?;
        if stamp != cache.stamp {
            let index = match read_json::<Index>(&path)? {
                None => Index::default(),
                Some(read) => read.map_err(|source| StoreError::CorruptIndex { path, source })?,
            };
            // Images hold their names, which may have changed.
            *cache = Cache { stamp, index: Arc::new(index), images: HashMap::new() };
        }
        Ok(cache)
    }
}

impl<'a> Locked<'a> {
    /// This process's session, made if needed.
    pub(crate) fn session(&self) -> Result<&'a Session, StoreError> {
        match self.inner.session.get() {
            Some(session) => Ok(session),
            None => {
                let session = Session::create(&self.inner.tmp())?;
                Ok(self.inner.session.get_or_init(|| session))
            }
        }
    }

    /// Changes the index; it is written only if it is another one afterwards.
    pub(crate) fn update<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, E>,
    ) -> Result<T, E> {
        let before = self.inner.index()?;
        let mut index = Index::clone(&before);
        let result = change(&mut index)?;
        index.drop_stale_platforms();
        if index != *before {
            index.save(&self.inner.index_path(), &self.inner.root.join("index.json.new"))?;
        }
        Ok(result)
    }
}

/// The directory name of a layer; short, because overlayfs' options must fit a page on older kernels.
pub(crate) fn short(layer: &LayerId) -> String {
    let mut hex = layer.hex();
    hex.truncate(24);
    hex
}
