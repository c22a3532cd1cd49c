//! Pastes in a log: files of records that are only appended to.
//!
//! A record knows where the one before it with the same hash of its key is, so that memory holds only the latest place of
//! each hash: 8 MiB, however many pastes there are. Nothing that was written is ever changed. What a crash tore is left
//! where it is, and a new file is begun behind it.
//!
//! Pastes go away file by file, the oldest first, when the time of every paste of a file is over.

mod record;
mod segment;

use rand::{Rng as _, distr::Alphanumeric};
use record::{Head, Record};
use segment::Segment;
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

pub(crate) const KEY_LENGTH: usize = 16;
const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Hashes of keys.
const BUCKETS: usize = 1 << 20;
/// A file of this length is followed by a new one.
const SEGMENT: u64 = 64 << 20;

/// The key of a paste.
pub(crate) type Key = [u8; KEY_LENGTH];

/// Pastes in a directory, which belongs to one process at a time.
#[derive(Debug)]
pub struct Store {
    log: Mutex<Log>,
    _lock: File,
}

/// The directory of pastes cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("pastes cannot be kept in {root}: is it writable, and does no other process use it?")]
pub struct OpenError {
    root: PathBuf,
    #[source]
    source: io::Error,
}

#[derive(Debug)]
struct Log {
    root: PathBuf,
    /// By the place of their first byte, which is where the one before ends.
    segments: BTreeMap<u64, Segment>,
    /// One more than the place of the latest record of each hash; 0 when there is none.
    latest: Vec<u64>,
    /// The file that is appended to, and the place of its first byte.
    file: Arc<File>,
    base: u64,
    limit: u64,
}

impl Store {
    /// Opens or makes a directory of pastes, and reads what is there.
    ///
    /// # Errors
    /// When it cannot be read or written, or another process has it.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        Self::open_with(root, SEGMENT).map_err(|source| OpenError { root: root.to_owned(), source })
    }

    fn open_with(root: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let lock = File::create(root.join("lock"))?;
        lock.try_lock()?;
        let log = Mutex::new(Log::open(root, limit)?);
        Ok(Self { log, _lock: lock })
    }

    /// A key: the same for the same idempotency key.
    pub(crate) fn key(idempotency: Option<&str>) -> Key {
        let mut key = [0; KEY_LENGTH];
        match idempotency {
            None => key
                .iter_mut()
                .zip(rand::rng().sample_iter(Alphanumeric))
                .for_each(|(sign, byte)| *sign = byte),
            Some(text) => {
                let signs =
                    Sha256::digest(text).into_iter().map(|byte| SIGNS[usize::from(byte) % SIGNS.len()]);
                key.iter_mut().zip(signs).for_each(|(sign, byte)| *sign = byte);
            }
        }
        key
    }

    /// Appends a paste, which takes the place of an earlier one with its key. Returns the file that has to be synced for
    /// the paste to survive a loss of power.
    pub(crate) fn put(
        &self,
        key: &Key,
        text: &str,
        private: bool,
        lifetime: Option<u64>,
    ) -> io::Result<Arc<File>> {
        let expires = lifetime.map(|seconds| now().saturating_add(seconds));
        self.log().append(*key, private, expires, text.as_bytes())
    }

    /// A paste that may be shown.
    pub(crate) fn get(&self, key: &str) -> io::Result<Option<String>> {
        let Some(key) = sound(key) else { return Ok(None) };
        let record = self.log().find(&key)?;
        let shown = record.filter(|record| !record.head.private && !record.head.is_over(now()));
        let text = shown.map(|record| String::from_utf8(record.text)).transpose();
        text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn open(root: &Path, limit: u64) -> io::Result<Self> {
        let (mut latest, mut segments) = (vec![0; BUCKETS], BTreeMap::new());
        let mut base = 0;
        for start in segment::bases(root)? {
            let read = |place: u64, head: &Head| latest[bucket(&head.key)] = place + 1;
            let segment = Segment::read(root, start, read)?;
            base = base.max(start + segment.length);
            segments.insert(start, segment);
        }
        let file = Segment::create(root, base)?;
        segments.insert(base, Segment::default());
        let mut log = Self { root: root.to_owned(), segments, latest, file: Arc::new(file), base, limit };
        log.forget(now())?;
        Ok(log)
    }

    fn append(
        &mut self,
        key: Key,
        private: bool,
        expires: Option<u64>,
        text: &[u8],
    ) -> io::Result<Arc<File>> {
        let length = self.active().length;
        if length >= self.limit {
            self.rotate(self.base + length)?;
        }
        let length = self.active().length;
        let previous = self.latest[bucket(&key)];
        let head = Head { key, private, expires, previous };
        let written = segment::append(&self.file, length, &head.record(text))?;
        let base = self.base;
        self.active().grow(written, expires);
        self.latest[bucket(&key)] = base + length + 1;
        Ok(Arc::clone(&self.file))
    }

    fn active(&mut self) -> &mut Segment {
        self.segments.entry(self.base).or_default()
    }

    fn rotate(&mut self, base: u64) -> io::Result<()> {
        // Whoever waits for the disk waits for the file that has his paste.
        self.file = Arc::new(Segment::create(&self.root, base)?);
        self.base = base;
        self.segments.insert(base, Segment::default());
        self.forget(now())
    }

    /// Removes files from the front as long as everything in them is over.
    fn forget(&mut self, now: u64) -> io::Result<()> {
        while let Some((base, segment)) = self.segments.first_key_value()
            && *base != self.base
            && segment.is_over(now)
        {
            fs::remove_file(segment::path(&self.root, *base))?;
            self.segments.pop_first();
        }
        Ok(())
    }

    fn find(&self, key: &Key) -> io::Result<Option<Record>> {
        let mut next = self.latest[bucket(key)];
        while let Some(place) = next.checked_sub(1) {
            // Gone with its file, and all before it too.
            let Some((base, _)) = self.segments.range(..=place).next_back() else { return Ok(None) };
            let file = File::open(segment::path(&self.root, *base))?;
            let (head, length) = record::head_at(&file, place - base)?;
            if head.key == *key {
                return record::read_at(&file, place - base, length).map(Some);
            }
            if head.previous >= next {
                return Err(record::damaged());
            }
            next = head.previous;
        }
        Ok(None)
    }
}

fn bucket(key: &Key) -> usize {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash >> 32) as usize % BUCKETS
}

fn sound(key: &str) -> Option<Key> {
    let key: Key = key.as_bytes().try_into().ok()?;
    key.iter().all(u8::is_ascii_alphanumeric).then_some(key)
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
