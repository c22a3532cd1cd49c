//! The layer cache: what a step made, by everything it depended on.
//!
//! One small file per key beneath `build-cache` in the store's root, written aside and renamed, so that a killed or
//! full-disk build leaves nothing half-written. A file that does not parse, or names a layer that is gone, is a miss.

mod layout;
mod shared_image;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use image::{Digest, LayerId, Store};
use serde::{Deserialize, Serialize};

pub use layout::CacheError;
pub(crate) use layout::{Imported, export};
pub use shared_image::SharedError;
pub(crate) use shared_image::{bring, send};

/// What a step made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its layer; none if it changed nothing.
    pub(crate) layer: Option<LayerId>,
    /// When it was made (RFC 3339).
    pub(crate) created: String,
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

    /// Forgets what was not used for `unused`; gives how many steps that were. Their layers stay until the store is
    /// pruned.
    ///
    /// # Errors
    /// When the cache's directory cannot be read, or a file in it cannot be removed.
    pub fn prune(&self, unused: Duration) -> io::Result<usize> {
        let mut removed = 0;
        for path in self.files()? {
            let age = std::fs::metadata(&path)?.modified()?.elapsed().unwrap_or_default();
            if age >= unused {
                std::fs::remove_file(path)?;
                removed += 1;
            }
        }
        Ok(removed)
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
    fn old_records_are_pruned() {
        let (_dir, cache) = cache();
        for name in [b"a", b"b"] {
            cache.put(&Digest::of(name), &Record { layer: None, created: "now".into() }).unwrap();
        }
        let old = std::fs::File::open(cache.path(&Digest::of(b"a"))).unwrap();
        old.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
        assert_eq!(cache.prune(Duration::from_secs(60)).unwrap(), 1);
        assert!(cache.get(&Digest::of(b"a")).is_none() && cache.get(&Digest::of(b"b")).is_some());
    }
}
