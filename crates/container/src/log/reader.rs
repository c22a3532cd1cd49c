//! Reading a log back: the last lines, a span of time, and what is yet to come.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::LogEntry;
use super::files::rotated;
use super::follow::Watch;
use super::source::Source;
use crate::protocol::StreamName;

/// What to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Only the last so many lines of the wanted streams; `None` is all of them.
    pub tail: Option<u64>,
    /// Only entries at or after this time.
    pub since: Option<OffsetDateTime>,
    /// Only entries before or at this time; following ends at the first later one.
    pub until: Option<OffsetDateTime>,
    /// Go on with what is written later.
    pub follow: bool,
    /// Entries of standard output.
    pub stdout: bool,
    /// Entries of standard error.
    pub stderr: bool,
}

impl LogQuery {
    fn takes_all(&self) -> bool {
        self.stdout && self.stderr && self.since.is_none() && self.until.is_none()
    }

    fn wants(&self, entry: &LogEntry) -> bool {
        let stream = match entry.stream {
            StreamName::Stdout => self.stdout,
            StreamName::Stderr => self.stderr,
        };
        stream && self.since.is_none_or(|since| entry.time >= since) && !self.is_past(entry)
    }

    fn is_past(&self, entry: &LogEntry) -> bool {
        self.until.is_some_and(|until| entry.time > until)
    }
}

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the log {}", path.display())]
pub struct ReadLogError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A log being read. Never blocks: see [`LogReader::watch`] for how to wait.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    query: LogQuery,
    /// The files still to be read, the oldest first; the last one is the newest there was.
    sources: VecDeque<Source>,
    watch: Option<Watch>,
    ended: bool,
}

impl LogReader {
    /// Opens the log whose newest file is `path`, with its rotated files. A log that does not exist (yet)
    /// is an empty one, but to follow it its directory must exist.
    ///
    /// # Errors
    /// When a file exists but cannot be read.
    pub fn open(path: &Path, query: LogQuery) -> Result<Self, ReadLogError> {
        Self::open_files(path, query).map_err(|source| ReadLogError { path: path.to_owned(), source })
    }

    fn open_files(path: &Path, query: LogQuery) -> io::Result<Self> {
        // The watch first, so that nothing is missed between it and the reading.
        let watch = if query.follow { Some(Watch::new(path)?) } else { None };
        let mut sources = open_until(path, None)?;
        if let Some(count) = query.tail {
            skip_to_tail(&mut sources, count, &query)?;
        }
        Ok(Self { path: path.to_owned(), query, sources, watch, ended: false })
    }

    /// The next entry that is in the files by now; `None` if there is no further one now. When not
    /// following, `None` is the end.
    ///
    /// # Errors
    /// When a file cannot be read. Lines that are no entries (cut short by a crash) are passed over.
    pub fn next_entry(&mut self) -> Result<Option<LogEntry>, ReadLogError> {
        self.next().map_err(|source| ReadLogError { path: self.path.clone(), source })
    }

    /// When following: a descriptor that becomes readable when there may be more. Wait for it after
    /// [`next_entry`](Self::next_entry) said `None`, then call that again.
    pub fn watch(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().filter(|_| self.is_following()).map(Watch::as_fd)
    }

    /// Following: nothing more will be written (the container has ended). Entries already in the files
    /// still come; then `None` is the end.
    pub fn stop_following(&mut self) {
        self.query.follow = false;
    }

    /// Whether a later call of [`next_entry`](Self::next_entry) can yield something after a `None`.
    pub fn is_following(&self) -> bool {
        self.query.follow && !self.ended
    }

    fn next(&mut self) -> io::Result<Option<LogEntry>> {
        while !self.ended {
            match self.read_sources()? {
                Some(entry) if self.query.is_past(&entry) => self.ended = self.query.follow,
                Some(entry) if self.query.wants(&entry) => return Ok(Some(entry)),
                Some(_) => {}
                None if self.find_more()? => {}
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The next entry of the opened files, wanted or not. The newest file stays open at its end.
    fn read_sources(&mut self) -> io::Result<Option<LogEntry>> {
        while let Some(source) = self.sources.front_mut() {
            match source.next_line(LogEntry::parse)? {
                Some(Some(entry)) => return Ok(Some(entry)),
                Some(None) => {}
                None if self.sources.len() > 1 => drop(self.sources.pop_front()),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Looks whether the log has grown, been rotated or truncated since its end was reached.
    fn find_more(&mut self) -> io::Result<bool> {
        let Some(watch) = &self.watch else { return Ok(false) };
        if !watch.clear()? {
            return Ok(false);
        }
        let newest = match self.sources.front_mut() {
            None => None,
            Some(source) => {
                source.rewind_if_truncated()?;
                Some(source.identity()?)
            }
        };
        self.sources.extend(open_until(&self.path, newest)?);
        Ok(!self.sources.is_empty())
    }
}

/// Opens the newest file and older ones back to (without) the one called `known`; the oldest comes first.
///
/// Files may be renamed meanwhile: going from new to old, each is met at least once.
fn open_until(path: &Path, known: Option<(u64, u64)>) -> io::Result<VecDeque<Source>> {
    let mut sources = VecDeque::new();
    let mut seen = Vec::new();
    for n in 0.. {
        let file = match File::open(rotated(path, n)) {
            Ok(file) => file,
            // Between two renames of a rotation the newest is missing for a moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound && n == 0 => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        let source = Source::new(file);
        let identity = source.identity()?;
        if Some(identity) == known {
            break;
        }
        if !seen.contains(&identity) {
            seen.push(identity);
            sources.push_front(source);
        }
    }
    Ok(sources)
}

/// Leaves only the last `count` wanted entries to be read.
fn skip_to_tail(sources: &mut VecDeque<Source>, count: u64, query: &LogQuery) -> io::Result<()> {
    let takes_all = query.takes_all();
    let wanted = |line: &[u8]| takes_all || LogEntry::parse(line).is_some_and(|entry| query.wants(&entry));
    let mut missing = count;
    for n in (0..sources.len()).rev() {
        let (start, found) = sources[n].find_back(missing, wanted)?;
        sources[n].seek(start);
        missing -= found;
        if missing == 0 {
            sources.drain(..n);
            break;
        }
    }
    Ok(())
}
