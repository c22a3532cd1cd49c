//! Giving back what builds keep beside their steps: fetched files, cache mounts, digests.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{Store, StoreError};
use rustix::fs::FlockOperation;

/// A fetched file that was used later than this is left: a build that runs may be reading it.
const FETCH_IN_USE: Duration = Duration::from_secs(3600);

/// What was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Fetched files.
    pub files: usize,
    /// Directories of cache mounts.
    pub mounts: usize,
    /// Bytes of both.
    pub bytes: u64,
}

/// Why caches were not removed.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// One of them cannot be read or removed.
    #[error("cannot clear {}", path.display())]
    Cache {
        /// Its directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The image store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Removes what was not used for `unused` of fetched files and cache mounts, and the digests of files that were read.
/// Builds that run go on: what they use is left, or made anew.
///
/// # Errors
/// The first cache that cannot be read or removed.
pub fn prune(store: &Store, unused: Duration) -> Result<Pruned, PruneError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| PruneError::Cache { path, source }
    };
    let mut pruned = Pruned::default();
    let fetched = store.root().join("build-fetch");
    files(&fetched, unused.max(FETCH_IN_USE), &mut pruned).map_err(at(&fetched))?;
    let mounts = store.root().join("build-mounts");
    let scratch = store.scratch()?;
    self::mounts(&mounts, scratch.path(), unused, &mut pruned).map_err(at(&mounts))?;
    let digests = store.root().join("build-digests");
    let removed = entries(&digests).and_then(|files| files.iter().try_for_each(std::fs::remove_file));
    removed.map_err(at(&digests))?;
    Ok(pruned)
}

/// The entries of a directory; none if it is not there.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other?.map(|entry| Ok(entry?.path())).collect(),
    }
}

fn is_unused(meta: &Metadata, unused: Duration) -> io::Result<bool> {
    Ok(meta.modified()?.elapsed().unwrap_or_default() >= unused)
}

/// Records go by the time of their last use, contents when no record is left that names them.
fn files(directory: &Path, unused: Duration, pruned: &mut Pruned) -> io::Result<()> {
    let mut named = HashSet::new();
    let (records, contents): (Vec<PathBuf>, Vec<PathBuf>) = entries(directory)?
        .into_iter()
        .partition(|path| path.extension().is_some_and(|extension| extension == "json"));
    for record in records {
        match is_unused(&record.metadata()?, unused)? {
            true => std::fs::remove_file(&record)?,
            false => {
                let known: serde_json::Value = serde_json::from_slice(&std::fs::read(&record)?)?;
                named.extend(known["sha256"].as_str().map(str::to_owned));
            }
        }
    }
    for content in contents {
        let name = content.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with('.') && !named.contains(&name) {
            pruned.bytes += content.metadata()?.len();
            pruned.files += 1;
            std::fs::remove_file(&content)?;
        }
    }
    Ok(())
}

/// Each directory whose lock nobody holds; it is moved to `aside` before it is removed.
fn mounts(directory: &Path, aside: &Path, unused: Duration, pruned: &mut Pruned) -> io::Result<()> {
    let all = entries(directory)?.into_iter().map(|id| entries(&id)).collect::<io::Result<Vec<_>>>()?;
    for (number, mount) in all.into_iter().flatten().filter(|path| path.is_dir()).enumerate() {
        let lock = File::options().read(true).open(mount.with_extension("lock"))?;
        let is_free = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        if !is_free || !is_unused(&lock.metadata()?, unused)? {
            continue;
        }
        let moved = aside.join(number.to_string());
        std::fs::rename(&mount, &moved)?;
        pruned.bytes += size(&moved)?;
        pruned.mounts += 1;
        std::fs::remove_dir_all(&moved)?;
    }
    Ok(())
}

/// Bytes on the disk of everything in a directory.
fn size(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for path in entries(&directory)? {
            let meta = path.symlink_metadata()?;
            bytes += meta.blocks() * 512;
            waiting.extend(meta.is_dir().then_some(path));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn prune_files(directory: &Path) -> Pruned {
        let mut pruned = Pruned::default();
        files(directory, FETCH_IN_USE, &mut pruned).unwrap();
        pruned
    }

    #[test]
    fn fetched_files_go_when_no_record_names_them() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("a.json", r#"{"sha256":"one"}"#);
        write("b.json", r#"{"sha256":"two"}"#);
        write("one", "1");
        write("two", "22");
        assert_eq!(prune_files(dir.path()), Pruned::default());
        let old = File::open(dir.path().join("b.json")).unwrap();
        old.set_modified(SystemTime::now() - FETCH_IN_USE * 2).unwrap();
        assert_eq!(prune_files(dir.path()), Pruned { files: 1, bytes: 2, ..Pruned::default() });
        assert!(dir.path().join("one").exists() && !dir.path().join("two").exists());
    }

    #[test]
    fn a_cache_mount_that_is_used_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (all, aside) = (dir.path().join("mounts"), dir.path().join("aside"));
        std::fs::create_dir_all(all.join("id/0/sub")).unwrap();
        std::fs::create_dir_all(&aside).unwrap();
        let lock = File::create(all.join("id/0.lock")).unwrap();
        rustix::fs::flock(&lock, FlockOperation::LockShared).unwrap();
        let clear = || {
            let mut pruned = Pruned::default();
            mounts(&all, &aside, Duration::ZERO, &mut pruned).unwrap();
            pruned.mounts
        };
        assert_eq!(clear(), 0);
        drop(lock);
        assert_eq!((clear(), all.join("id/0").exists()), (1, false));
        assert_eq!(clear(), 0);
    }
}
