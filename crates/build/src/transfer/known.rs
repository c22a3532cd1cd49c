//! Digests of files that were read before, so that a repeated build reads none of them again.
//!
//! A file is taken to be what it was when device, inode, size, modification time and change time are the same. The change
//! time cannot be set by programs; it is only as fine as the file system's clock, so what was changed just before it was
//! read is not remembered.
//!
//! One file for each tree beneath `build-digests` in the store's root: records of a fixed size, sorted by device and
//! inode, and a checksum over them. One that is damaged is as good as none.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use image::Store;
use sha2::{Digest, Sha256};

use crate::hash::Hasher;
use crate::tree::{Entry, Tree};

/// What was changed this short a time before it was read may change again without a new time.
const RACY: Duration = Duration::from_secs(2);
/// Files remembered for one tree.
const MAX_RECORDS: usize = 1 << 18;
/// Trees that are remembered.
const MAX_TREES: usize = 64;
/// Bytes of a digest.
const DIGEST: usize = 32;
/// Bytes of device, inode, size and both times.
const STATE: usize = 56;
const RECORD: usize = STATE + DIGEST;
/// Bytes of a record that it is found by: device and inode.
const KEY: usize = 16;

/// What a file is recognised by; sorted by device and inode.
type State = [u8; STATE];

/// The trees that one build reads. What is new is written when it is dropped.
#[derive(Debug)]
pub(crate) struct KnownDigests {
    directory: PathBuf,
    trees: Mutex<HashMap<String, Arc<KnownTree>>>,
}

impl KnownDigests {
    pub(crate) fn of(store: &Store) -> Self {
        Self { directory: store.root().join("build-digests"), trees: Mutex::default() }
    }

    /// What is known of the files of a tree.
    pub(crate) fn tree(&self, tree: &Tree) -> io::Result<Arc<KnownTree>> {
        let mut hasher = Hasher::new("berth digests 1");
        for (device, inode) in tree.identity()? {
            hasher.number(device);
            hasher.number(inode);
        }
        let name = hasher.finish().hex();
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        let known = trees.entry(name).or_insert_with_key(|name| {
            let path = self.directory.join(name);
            // The time of the last use decides what is removed first.
            let _ = std::fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            Arc::new(KnownTree { old: read(&path).unwrap_or_default(), fresh: Mutex::default() })
        });
        Ok(Arc::clone(known))
    }

    fn save(&self) -> io::Result<()> {
        let trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, tree) in trees.iter() {
            let records = tree.merged();
            if records.is_empty() {
                continue;
            }
            std::fs::create_dir_all(&self.directory)?;
            let aside = self.directory.join(format!(".{}-{name}", std::process::id()));
            let checksum = Sha256::digest(&records);
            let written = std::fs::write(&aside, [&records[..], checksum.as_slice()].concat())
                .and_then(|()| std::fs::rename(&aside, self.directory.join(name)));
            if written.is_err() {
                let _ = std::fs::remove_file(&aside);
            }
            written?;
        }
        forget_oldest(&self.directory)
    }
}

impl Drop for KnownDigests {
    fn drop(&mut self) {
        // Without it the next build reads the files again.
        let _ = self.save();
    }
}

/// Removes all but the trees used last.
fn forget_oldest(directory: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let surplus = files.len().saturating_sub(MAX_TREES);
    files.iter().take(surplus).try_for_each(|(_, path)| std::fs::remove_file(path))
}

/// The records of a file; `None` if it is missing or damaged.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut records = std::fs::read(path).ok()?;
    let checksum = records.split_off(records.len().checked_sub(DIGEST)?);
    let is_whole = records.len().is_multiple_of(RECORD) && Sha256::digest(&records).as_slice() == checksum;
    is_whole.then_some(records)
}

/// What is known of the files of one tree.
#[derive(Debug)]
pub(crate) struct KnownTree {
    /// Records as they lie in the file.
    old: Vec<u8>,
    fresh: Mutex<BTreeMap<State, [u8; DIGEST]>>,
}

impl KnownTree {
    /// The digest of a file that is as it was.
    pub(crate) fn get(&self, entry: &Entry) -> Option<[u8; DIGEST]> {
        let state = state(entry);
        let (mut low, mut high) = (0, self.old.len() / RECORD);
        while low < high {
            let middle = usize::midpoint(low, high);
            let record = self.old.get(middle * RECORD..(middle + 1) * RECORD)?;
            match record.get(..KEY)?.cmp(state.get(..KEY)?) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    let (found, digest) = record.split_at(STATE);
                    return if found == state { digest.try_into().ok() } else { None };
                }
            }
        }
        None
    }

    /// Remembers the digest of a file that was read at `now`.
    pub(crate) fn put(&self, entry: &Entry, digest: [u8; DIGEST], now: SystemTime) {
        let changed =
            u64::try_from(entry.ctime.0).ok().map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds + 1));
        if changed.is_some_and(|changed| changed + RACY <= now) {
            let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
            if fresh.len() < MAX_RECORDS {
                fresh.insert(state(entry), digest);
            }
        }
    }

    /// All records, sorted; none if there is nothing new.
    fn merged(&self) -> Vec<u8> {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        if fresh.is_empty() {
            return Vec::new();
        }
        let mut all: BTreeMap<[u8; KEY], Vec<u8>> = BTreeMap::new();
        if self.old.len() / RECORD + fresh.len() <= MAX_RECORDS {
            all.extend(
                self.old.chunks_exact(RECORD).filter_map(|record| Some((key(record)?, record.to_vec()))),
            );
        }
        all.extend(
            fresh.iter().filter_map(|(state, digest)| Some((key(state)?, [&state[..], digest].concat()))),
        );
        all.into_values().flatten().collect()
    }
}

fn key(record: &[u8]) -> Option<[u8; KEY]> {
    record.get(..KEY)?.try_into().ok()
}

fn state(entry: &Entry) -> State {
    let (mtime, ctime) = (entry.mtime, entry.ctime);
    let fields = [
        entry.inode.0.to_be_bytes(),
        entry.inode.1.to_be_bytes(),
        entry.size.to_be_bytes(),
        mtime.0.to_be_bytes(),
        mtime.1.to_be_bytes(),
        ctime.0.to_be_bytes(),
        ctime.1.to_be_bytes(),
    ];
    let mut state = [0; STATE];
    state.chunks_exact_mut(8).zip(fields).for_each(|(place, field)| place.copy_from_slice(&field));
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::EntryKind;

    fn entry(inode: u64, ctime: i64) -> Entry {
        Entry {
            path: PathBuf::from("x"),
            layer: 0,
            kind: EntryKind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: 3,
            mtime: (1, 2),
            ctime: (ctime, 5),
            inode: (7, inode),
            links: 1,
        }
    }

    fn known(directory: &Path) -> KnownDigests {
        KnownDigests { directory: directory.join("digests"), trees: Mutex::default() }
    }

    #[test]
    fn what_was_read_is_known_to_the_next_build_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::plain(dir.path()).unwrap();
        for first in [10, 5] {
            let known = known(dir.path());
            for inode in first..first + 10 {
                known.tree(&tree).unwrap().put(&entry(inode, 100), [inode as u8; 32], SystemTime::now());
            }
        }
        let known = known(dir.path());
        let files = known.tree(&tree).unwrap();
        for inode in 5..20 {
            assert_eq!(files.get(&entry(inode, 100)), Some([inode as u8; 32]), "{inode}");
        }
        assert_eq!(files.get(&entry(4, 100)), None);
        assert_eq!(files.get(&entry(7, 101)), None);
        assert_eq!(files.get(&Entry { size: 4, ..entry(7, 100) }), None);
        assert_eq!(files.get(&Entry { mtime: (1, 3), ..entry(7, 100) }), None);
    }

    #[test]
    fn what_has_just_changed_is_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::plain(dir.path()).unwrap();
        let read_at = |ctime: i64, seconds: u64| {
            let known = known(dir.path());
            let files = known.tree(&tree).unwrap();
            files.put(&entry(1, ctime), [1; 32], UNIX_EPOCH + Duration::from_secs(seconds));
            let count = files.fresh.lock().unwrap().len();
            files.fresh.lock().unwrap().clear();
            count
        };
        assert_eq!((read_at(100, 102), read_at(100, 103), read_at(200, 100)), (0, 1, 0));
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::plain(dir.path()).unwrap();
        let write = known(dir.path());
        write.tree(&tree).unwrap().put(&entry(1, 100), [1; 32], SystemTime::now());
        drop(write);
        let file = std::fs::read_dir(dir.path().join("digests")).unwrap().next().unwrap().unwrap().path();
        let whole = std::fs::read(&file).unwrap();
        for damaged in [&whole[..whole.len() - 1], &[], &[&[9], &whole[1..]].concat()] {
            std::fs::write(&file, damaged).unwrap();
            assert_eq!(known(dir.path()).tree(&tree).unwrap().get(&entry(1, 100)), None);
        }
        std::fs::write(&file, whole).unwrap();
        assert!(known(dir.path()).tree(&tree).unwrap().get(&entry(1, 100)).is_some());
    }
}
