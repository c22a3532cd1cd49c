//! The layer cache: what a step made, by everything it depended on.
//!
//! One small file per key beneath `build-cache` in the store's root, written aside and renamed, so that a killed or
//! full-disk build leaves nothing half-written. A file that does not parse, or names a layer that is gone, is a miss.

mod layout;
mod shared_image;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use image::{Digest, LayerId, Store};
use serde::{Deserialize, Serialize};

pub use layout::CacheError;
pub(crate) use layout::{Imported, export};
pub use shared_image::SharedError;
pub(crate) use shared_image::{bring, put_inline, send};

/// What a step made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its layer; none if it changed nothing.
    pub(crate) layer: Option<LayerId>,
    /// When it was made (RFC 3339).
    pub(crate) created: String,
}

/// A step that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it depended on, as a hash in hexadecimal digits.
    pub key: String,
    /// Its layer; none if it changed nothing.
    pub layer: Option<LayerId>,
    /// When a build used it last.
    pub used: SystemTime,
}

/// A handle to a store's cache.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// The cache of `store`.
    pub fn of(store: &Store) -> Self {
        Self { directory: store.root().join("build-cache") }
    }

    fn path(&self, key: &Digest) -> PathBuf {
        let hex = key.hex();
        self.directory.join(&hex[..2]).join(&hex[2..])
    }

    pub(crate) fn get(&self, key: &Digest) -> Option<Record> {
        let path = self.path(key);
        let record = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        // The time of the last use decides what is removed first; failing to note it does no harm.
        let _ = std::fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(record)
    }

    pub(crate) fn put(&self, key: &Digest, record: &Record) -> io::Result<()> {
        let path = self.path(key);
        let directory = path.parent().unwrap_or(&self.directory);
        std::fs::create_dir_all(directory)?;
        let aside = directory.join(format!(".{}-{:?}", std::process::id(), std::thread::current().id()));
        let written = serde_json::to_vec(record)
            .map_err(io::Error::other)
            .and_then(|json| std::fs::write(&aside, json))
            .and_then(|()| std::fs::rename(&aside, path));
        if written.is_err() {
            let _ = std::fs::remove_file(aside);
        }
        written
    }

    /// The layers that the cache needs; a pruning of the store is to keep them.
    ///
    /// # Errors
    /// When the cache's directory cannot be read.
    pub fn layers(&self) -> io::Result<HashSet<LayerId>> {
        let records = self.files()?.into_iter().filter_map(|path| std::fs::read(path).ok());
        let records = records.filter_map(|json| serde_json::from_slice::<Record>(&json).ok());
        Ok(records.filter_map(|record| record.layer).collect())
    }

    /// The steps that are remembered. Those of damaged records have no layer.
    ///
    /// # Errors
    /// When the cache's directory cannot be read.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let entry = |path: PathBuf| {
            let used = std::fs::metadata(&path)?.modified()?;
            let record: Option<Record> = serde_json::from_slice(&std::fs::read(&path)?).ok();
            let name = |part: &Path| part.file_name()?.to_str().map(str::to_owned);
            let shard = path.parent().and_then(name).unwrap_or_default();
            let key = shard + &name(&path).unwrap_or_default();
            Ok(Entry { key, layer: record.and_then(|record| record.layer), used })
        };
        let entries = self.files()?.into_iter().map(entry);
        // One that a build replaces or another prune removes meanwhile is not there.
        let there = |entry: &io::Result<Entry>| !matches!(entry, Err(error) if error.kind() == io::ErrorKind::NotFound);
        entries.filter(there).collect()
    }

    /// Forgets a step. Its layer stays until the store is pruned.
    ///
    /// # Errors
    /// When its record cannot be removed.
    pub fn forget(&self, entry: &Entry) -> io::Result<()> {
        let (shard, rest) = entry.key.split_at_checked(2).unwrap_or_default();
        match std::fs::remove_file(self.directory.join(shard).join(rest)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let shards = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            other => other?,
        };
        for shard in shards {
            for file in std::fs::read_dir(shard?.path())? {
                files.push(file?.path());
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("cache");
        (dir, Cache { directory })
    }

    #[test]
    fn what_was_put_is_got() {
        let (_dir, cache) = cache();
        let (key, layer) = (Digest::of(b"key"), LayerId::from(Digest::of(b"layer")));
        assert_eq!(cache.get(&key), None);
        let record = Record { layer: Some(layer), created: "now".into() };
        cache.put(&key, &record).unwrap();
        assert_eq!(cache.get(&key), Some(record));
        assert_eq!(cache.layers().unwrap(), HashSet::from([layer]));
    }

    #[test]
    fn a_damaged_record_is_a_miss() {
        let (_dir, cache) = cache();
        let key = Digest::of(b"key");
        cache.put(&key, &Record { layer: None, created: "now".into() }).unwrap();
        std::fs::write(cache.path(&key), b"{\"layer\":").unwrap();
        assert_eq!(cache.get(&key), None);
        assert!(cache.layers().unwrap().is_empty());
    }

    #[test]
    fn steps_are_listed_and_forgotten() {
        let (_dir, cache) = cache();
        let (key, layer) = (Digest::of(b"key"), LayerId::from(Digest::of(b"layer")));
        cache.put(&key, &Record { layer: Some(layer), created: "now".into() }).unwrap();
        let entries = cache.entries().unwrap();
        assert_eq!((entries[0].key.as_str(), entries[0].layer), (key.hex().as_str(), Some(layer)));
        cache.forget(&entries[0]).unwrap();
        cache.forget(&entries[0]).unwrap();
        assert!(cache.entries().unwrap().is_empty() && cache.get(&key).is_none());
    }
}
