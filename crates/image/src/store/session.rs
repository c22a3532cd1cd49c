//! The place for half-made things of one process, and the leases it holds.
//!
//! A session is a directory in `tmp` whose file `owner` is locked as long as the process lives. Whoever opens the store
//! removes the sessions whose lock is free.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::hash::Hash;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::StoreError;
use super::files::{create_dir, create_file, lock, spread, try_lock};
use crate::archive::remove_tree;
use crate::{Digest, LayerId};

const OWNER: &str = "owner";
const LEASES: &str = "leases";

/// What a lease keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Held {
    Layer(LayerId),
    Blob(Digest),
}

/// This process's session.
#[derive(Debug)]
pub(crate) struct Session {
    dir: PathBuf,
    /// Locked for the life of the session.
    _owner: File,
    next: AtomicU64,
    leases: Mutex<Leases>,
}

#[derive(Debug)]
struct Leases {
    file: File,
    counts: HashMap<Held, usize>,
}

impl Session {
    /// Makes a session in `tmp`; the caller holds the store's lock, so that nobody takes it for a dead one meanwhile.
    pub(crate) fn create(tmp: &Path) -> Result<Self, StoreError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = tmp.join(format!("{}-{number}-{now:x}", std::process::id()));
        create_dir(&dir, 0o700)?;
        spread(&dir);
        let (owner_path, leases_path) = (dir.join(OWNER), dir.join(LEASES));
        let owner = create_file(&owner_path)?;
        lock(&owner, &owner_path)?;
        let opened = OpenOptions::new().append(true).create(true).open(&leases_path);
        let file = opened.map_err(|source| StoreError::io("create", &leases_path, source))?;
        let leases = Mutex::new(Leases { file, counts: HashMap::new() });
        // Names are not used again by the next session: ext4 chooses a directory's place by its name.
        let first = now as u64 >> 20;
        Ok(Self { dir, _owner: owner, next: AtomicU64::new(first), leases })
    }

    /// A path in the session that nothing else uses.
    pub(crate) fn new_path(&self) -> PathBuf {
        self.dir.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Counts a lease up; other processes see it at once. The caller holds the store's lock.
    pub(crate) fn hold(&self, held: Held) -> Result<(), StoreError> {
        let mut leases = self.leases();
        let count = leases.counts.entry(held).or_insert(0);
        *count += 1;
        if *count > 1 {
            return Ok(());
        }
        let line = match held {
            Held::Layer(layer) => format!("layer {layer}\n"),
            Held::Blob(digest) => format!("blob {digest}\n"),
        };
        leases
            .file
            .write_all(line.as_bytes())
            .map_err(|source| StoreError::io("write", &self.dir.join(LEASES), source))
    }

    /// Counts leases down.
    pub(crate) fn release(&self, held: &[Held]) {
        let mut leases = self.leases();
        for held in held {
            if let Some(count) = leases.counts.get_mut(held) {
                *count -= 1;
                if *count == 0 {
                    leases.counts.remove(held);
                }
            }
        }
        if leases.counts.is_empty() {
            // If it fails, others keep a little more than they must until this process ends.
            let _ = leases.file.set_len(0);
        }
    }

    /// Whether this process holds it.
    pub(crate) fn holds(&self, held: &Held) -> bool {
        self.leases().counts.contains_key(held)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        remove_quietly(&self.dir);
    }
}

/// What the sessions of other living processes hold; sessions of dead ones are removed. The caller holds the store's
/// lock.
pub(crate) fn held_by_others(tmp: &Path, own: Option<&Session>) -> Result<BTreeSet<Held>, StoreError> {
    let mut held = BTreeSet::new();
    for dir in sessions(tmp)?.iter().filter(|dir| own.is_none_or(|own| own.dir() != *dir)) {
        if is_dead(dir) {
            tracing::info!(dir = %dir.display(), "removing what a dead process left in the image store");
            remove_quietly(dir);
        } else {
            let leases = fs::read_to_string(dir.join(LEASES)).unwrap_or_default();
            held.extend(leases.lines().filter_map(parse_lease));
        }
    }
    Ok(held)
}

/// The session directories in `tmp`.
pub(crate) fn sessions(tmp: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |source| StoreError::io("read", tmp, source);
    fs::read_dir(tmp).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

fn is_dead(dir: &Path) -> bool {
    match File::open(dir.join(OWNER)) {
        Ok(owner) => try_lock(&owner),
        // Its process died before it made the file: making one is done under the store's lock, which we hold.
        Err(_) => true,
    }
}

fn parse_lease(line: &str) -> Option<Held> {
    match line.split_once(' ')? {
        ("layer", id) => id.parse().ok().map(Held::Layer),
        ("blob", digest) => digest.parse().ok().map(Held::Blob),
        _ => None,
    }
}

/// Removes a tree; what cannot be removed now is left to the next process that opens the store.
pub(crate) fn remove_quietly(path: &Path) {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
    let removed = File::open(parent).and_then(|parent| remove_tree(parent.as_fd(), name));
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "cannot remove a temporary directory of the image store");
    }
}
