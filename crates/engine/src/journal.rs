//! The engine's records on disk: an append-only file of JSON lines.
//!
//! Guarantees: a change is in the file before [`Journal::append`] returns, so it survives a killed engine; a background
//! thread flushes it to the disk within [`FLUSH_DELAY`], which bounds what a power loss can take. A torn last line is
//! dropped when the file is read. The file is written anew, by rename, when it has grown to several times its content.
//!
//! Assumptions: one engine owns the file; [`Journal::open`] takes a lock that dies with the process.

use crate::records::Entry;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

/// The longest time a change waits to be flushed to the disk.
const FLUSH_DELAY: Duration = Duration::from_millis(50);

/// The file is not written anew below this size, in bytes.
const COMPACT_ABOVE: u64 = 4 << 20;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another engine has this root.
    #[error("another engine uses {}: stop it, or give this one another --root", root.display())]
    Locked {
        /// The root.
        root: PathBuf,
    },
    /// A file cannot be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A line in the middle of the file is damaged.
    #[error("{}:{line} is damaged; move the file away to start without its containers", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its line.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> JournalError + 'a {
    move |source| JournalError::Io { action, path: path.to_owned(), source }
}

/// The open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<Written>,
    flusher: Sender<Arc<File>>,
    /// Held for its lock.
    _lock: File,
}

#[derive(Debug)]
struct Written {
    file: Arc<File>,
    length: u64,
    compacted_length: u64,
}

impl Journal {
    /// Opens the journal of `root`, making it if needed, and reads it.
    pub(crate) fn open(root: &Path) -> Result<(Self, Vec<Entry>), JournalError> {
        std::fs::create_dir_all(root).map_err(io_error("make the directory", root))?;
        let lock = lock(root)?;
        let path = root.join("journal");
        let (entries, length) = read(&path)?;
        let file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(io_error("open", &path))?;
        file.set_len(length).map_err(io_error("cut the torn end of", &path))?;
        let (flusher, requests) = channel();
        let spawned = std::thread::Builder::new().name("journal".to_owned()).spawn(move || flush(&requests));
        spawned.map_err(io_error("start the flusher of", &path))?;
        let written = Written { file: Arc::new(file), length, compacted_length: length };
        Ok((Self { path, file: Mutex::new(written), flusher, _lock: lock }, entries))
    }

    /// Appends a change.
    pub(crate) fn append(&self, entry: &Entry) -> Result<(), JournalError> {
        self.append_all(std::slice::from_ref(entry))
    }

    /// Appends changes with one write.
    pub(crate) fn append_all(&self, entries: &[Entry]) -> Result<(), JournalError> {
        let bytes = encode(entries).map_err(io_error("encode a record for", &self.path))?;
        let mut written = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = &*written.file;
        if let Err(source) = file.write_all(&bytes) {
            // Half a line would make the next one unreadable.
            let _ = file.set_len(written.length);
            return Err(JournalError::Io { action: "write to", path: self.path.clone(), source });
        }
        written.length += bytes.len() as u64;
        let _ = self.flusher.send(Arc::clone(&written.file));
        Ok(())
    }

    /// Whether the file has grown so much that it should be written anew.
    pub(crate) fn wants_compaction(&self) -> bool {
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        written.length > COMPACT_ABOVE && written.length > 4 * written.compacted_length
    }

    /// Writes the file anew with nothing but `entries`, which `snapshot` yields while appending is held back.
    pub(crate) fn compact(&self, snapshot: impl FnOnce() -> Vec<Entry>) -> Result<(), JournalError> {
        let mut written = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = encode(&snapshot()).map_err(io_error("encode a record for", &self.path))?;
        let new = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&new)
            .map_err(io_error("make", &new))?;
        file.write_all(&bytes).and_then(|()| file.sync_data()).map_err(io_error("write", &new))?;
        std::fs::rename(&new, &self.path).map_err(io_error("replace", &self.path))?;
        let file = OpenOptions::new().append(true).open(&self.path).map_err(io_error("open", &self.path))?;
        let length = bytes.len() as u64;
        *written = Written { file: Arc::new(file), length, compacted_length: length };
        Ok(())
    }
}

fn lock(root: &Path) -> Result<File, JournalError> {
    let path = root.join("engine.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::Locked { root: root.to_owned() }),
        Err(error) => Err(JournalError::Io { action: "lock", path, source: error.into() }),
    }
}

fn encode(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut bytes, entry)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// The entries and the length of the part that is whole.
fn read(path: &Path) -> Result<(Vec<Entry>, u64), JournalError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(io_error("open", path)(error)),
    };
    let mut reader = BufReader::new(file);
    let (mut entries, mut length, mut line) = (Vec::new(), 0, Vec::new());
    for number in 1.. {
        line.clear();
        let count = reader.read_until(b'\n', &mut line).map_err(io_error("read", path))?;
        if count == 0 || line.last() != Some(&b'\n') {
            break;
        }
        let entry = serde_json::from_slice(&line);
        entries.push(entry.map_err(|source| JournalError::Damaged {
            path: path.to_owned(),
            line: number,
            source,
        })?);
        length += count as u64;
    }
    Ok((entries, length))
}

/// Flushes once for all changes that came within the delay.
fn flush(requests: &Receiver<Arc<File>>) {
    while let Ok(mut file) = requests.recv() {
        std::thread::sleep(FLUSH_DELAY);
        while let Ok(newer) = requests.try_recv() {
            file = newer;
        }
        if let Err(error) = file.sync_data() {
            tracing::error!(%error, "the journal cannot be flushed to the disk");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ContainerId;

    fn gone(digit: char) -> Entry {
        let id: String = std::iter::repeat_n(digit, 64).collect();
        Entry::ContainerRemoved { id: ContainerId::try_from(id).unwrap() }
    }

    #[test]
    fn what_was_appended_is_read_again() {
        let root = tempfile::tempdir().unwrap();
        let (journal, entries) = Journal::open(root.path()).unwrap();
        assert!(entries.is_empty());
        journal.append_all(&[gone('a'), gone('b')]).unwrap();
        drop(journal);
        assert_eq!(Journal::open(root.path()).unwrap().1.len(), 2);
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_the_next_is_whole() {
        let root = tempfile::tempdir().unwrap();
        Journal::open(root.path()).unwrap().0.append(&gone('a')).unwrap();
        let path = root.path().join("journal");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"half\":").unwrap();
        let (journal, entries) = Journal::open(root.path()).unwrap();
        assert_eq!(entries.len(), 1);
        journal.append(&gone('b')).unwrap();
        drop(journal);
        assert_eq!(Journal::open(root.path()).unwrap().1.len(), 2);
    }

    #[test]
    fn damage_in_the_middle_is_named() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("journal"), "nonsense\n").unwrap();
        let error = Journal::open(root.path()).unwrap_err();
        assert!(error.to_string().contains("journal:1 is damaged"), "{error}");
    }

    #[test]
    fn a_second_engine_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let _first = Journal::open(root.path()).unwrap();
        assert!(matches!(Journal::open(root.path()), Err(JournalError::Locked { .. })));
    }

    #[test]
    fn compaction_keeps_what_it_is_told() {
        let root = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(root.path()).unwrap();
        journal.append_all(&[gone('a'), gone('b'), gone('c')]).unwrap();
        journal.compact(|| vec![gone('d')]).unwrap();
        journal.append(&gone('e')).unwrap();
        drop(journal);
        assert_eq!(Journal::open(root.path()).unwrap().1.len(), 2);
    }
}
