use super::{
    Record,
    index::{Index, Known},
};
use std::{
    collections::HashSet,
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The longest that another process may have the file locked; a write takes milliseconds.
const LOCK: Duration = Duration::from_secs(5);
/// Between looks at the lock.
const LOOK: Duration = Duration::from_millis(1);

/// Another process does not give the lock of the file back.
#[derive(Debug, thiserror::Error)]
#[error("another process has had the results file locked for {LOCK:?}: is it paused, or does its disk hang?")]
struct Locked;

/// The file, and what is known of it.
#[derive(Debug)]
pub(super) struct ResultsFile {
    path: PathBuf,
    file: File,
    /// Where the lines end that the index holds.
    end: u64,
    index: Index,
}

impl ResultsFile {
    /// Opens or makes the file. It is read when it is asked or written.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(Self { path: path.to_owned(), file, end: 0, index: Index::default() })
    }

    /// Takes note of a file that was removed or cut: what is there now counts.
    fn reopen_if_gone(&mut self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        if metadata.nlink() == 0 || metadata.len() < self.end {
            let file = OpenOptions::new().create(true).read(true).append(true).open(&self.path)?;
            (self.file, self.end, self.index) = (file, 0, Index::default());
        }
        Ok(())
    }

    /// Reads the lines that were added since by others, and makes sure that they stay. The file is locked.
    fn refresh(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() == self.end {
            return Ok(());
        }
        // Whoever wrote them may have died before the disk had them.
        self.file.sync_data()?;
        self.file.seek(SeekFrom::Start(self.end))?;
        let mut reader = BufReader::with_capacity(1 << 16, &self.file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.last() == Some(&b'\n') {
            self.end += line.len() as u64;
            match serde_json::from_slice::<Record>(&line) {
                Ok(record) => self.index.insert(&record.id),
                Err(_) => {
                    tracing::warn!(file = %self.path.display(), before = self.end, "a line is no result")
                }
            }
            line.clear();
        }
        Ok(())
    }

    /// Which of the ids are in the file.
    pub(super) fn known(&mut self, ids: &[String]) -> io::Result<HashSet<String>> {
        self.reopen_if_gone()?;
        if self.file.metadata()?.len() != self.end {
            // Not while another writes: what it cannot finish it takes back.
            self.locked(|file| file.try_lock_shared(), Self::refresh)?;
        }
        self.known_now(ids.iter().map(String::as_str))
    }

    fn known_now<'a>(&self, ids: impl Iterator<Item = &'a str>) -> io::Result<HashSet<String>> {
        let (mut known, mut perhaps) = (HashSet::new(), HashSet::new());
        for id in ids {
            match self.index.knows(id) {
                Known::Yes => drop(known.insert(id.to_owned())),
                Known::Perhaps => drop(perhaps.insert(id.to_owned())),
                Known::No => {}
            }
        }
        if !perhaps.is_empty() {
            for record in super::read(&self.path)? {
                let id = record?.id;
                if perhaps.remove(&id) {
                    known.insert(id);
                }
            }
        }
        Ok(known)
    }

    /// Appends records and waits until the disk has them. Those whose id is there already are left out.
    ///
    /// Returns for each whether it was written. After an error the file is as it was before.
    pub(super) fn append(&mut self, records: &[Record]) -> io::Result<Vec<bool>> {
        self.reopen_if_gone()?;
        self.locked(File::try_lock, |results| results.append_locked(records))
    }

    /// Does something under a lock of the file, for which it waits for a limited time.
    fn locked<T>(
        &mut self,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
        work: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        let (locked, start) = (self.file.try_clone()?, Instant::now());
        while let Err(error) = lock(&locked) {
            match error {
                TryLockError::Error(error) => return Err(error),
                TryLockError::WouldBlock if start.elapsed() > LOCK => return Err(io::Error::other(Locked)),
                TryLockError::WouldBlock => std::thread::sleep(LOOK),
            }
        }
        let result = work(self);
        // Descriptors made by try_clone share the lock: it has to be given back explicitly.
        locked.unlock()?;
        result
    }

    fn append_locked(&mut self, records: &[Record]) -> io::Result<Vec<bool>> {
        self.refresh()?;
        if self.file.metadata()?.len() > self.end {
            // Nobody else writes now: this is the line that a crash tore.
            tracing::warn!(file = %self.path.display(), at = self.end, "removing a torn last line");
            self.file.set_len(self.end)?;
        }
        let mut known = self.known_now(records.iter().map(|record| record.id.as_str()))?;
        let new: Vec<bool> = records.iter().map(|record| known.insert(record.id.clone())).collect();
        let mut text = Vec::new();
        for (record, _) in records.iter().zip(&new).filter(|(_, new)| **new) {
            serde_json::to_writer(&mut text, record)?;
            text.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&text).and_then(|()| self.file.sync_data()) {
            self.file.set_len(self.end)?;
            return Err(error);
        }
        self.end += text.len() as u64;
        for record in records {
            self.index.insert(&record.id);
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> Record {
        Record { id: id.to_owned(), url: format!("http://paste/{id}") }
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results");
        (dir, path)
    }

    #[test]
    fn an_id_is_written_once_by_whomever() {
        let (_dir, path) = file();
        let (mut one, mut two) = (ResultsFile::open(&path).unwrap(), ResultsFile::open(&path).unwrap());
        assert_eq!(one.append(&[record("a"), record("a"), record("b")]).unwrap(), [true, false, true]);
        assert_eq!(two.append(&[record("b"), record("c")]).unwrap(), [false, true]);
        assert_eq!(one.known(&["c".to_owned(), "d".to_owned()]).unwrap(), HashSet::from(["c".to_owned()]));
        assert_eq!(super::super::read(&path).unwrap().count(), 3);
    }

    #[test]
    fn a_torn_line_is_removed_and_its_task_is_not_known() {
        let (_dir, path) = file();
        ResultsFile::open(&path).unwrap().append(&[record("a")]).unwrap();
        let torn = std::fs::read_to_string(&path).unwrap() + "{\"id\":\"b\",\"ur";
        std::fs::write(&path, torn).unwrap();
        let mut results = ResultsFile::open(&path).unwrap();
        assert!(results.known(&["b".to_owned()]).unwrap().is_empty());
        assert_eq!(results.append(&[record("b")]).unwrap(), [true]);
        let ids: Vec<_> = super::super::read(&path).unwrap().map(|record| record.unwrap().id).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn a_line_of_rubbish_costs_only_itself() {
        let (_dir, path) = file();
        std::fs::write(&path, b"\0\0\0\n{\"id\":\"a\",\"url\":\"u\"}\n").unwrap();
        let mut results = ResultsFile::open(&path).unwrap();
        assert_eq!(results.append(&[record("a"), record("b")]).unwrap(), [false, true]);
    }

    #[test]
    fn a_file_that_was_removed_is_made_anew() {
        let (_dir, path) = file();
        let mut results = ResultsFile::open(&path).unwrap();
        results.append(&[record("a")]).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(results.append(&[record("a")]).unwrap(), [true]);
        assert_eq!(super::super::read(&path).unwrap().count(), 1);
    }
}
