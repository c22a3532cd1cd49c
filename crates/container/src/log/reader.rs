//! Reading a log back: the last lines, a span of time, and what is yet to come.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::LogEntry;

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
    _query: LogQuery,
}

impl LogReader {
    /// Opens the log whose newest file is `path`, with its rotated files. A log that does not exist (yet)
    /// is an empty one.
    ///
    /// # Errors
    /// When a file exists but cannot be read.
    pub fn open(_path: &Path, query: LogQuery) -> Result<Self, ReadLogError> {
        Ok(Self { _query: query })
    }

    /// The next entry that is in the files by now; `None` if there is no further one now. When not
    /// following, `None` is the end.
    ///
    /// # Errors
    /// When a file cannot be read. Lines that are no entries (cut short by a crash) are passed over.
    pub fn next_entry(&mut self) -> Result<Option<LogEntry>, ReadLogError> {
        todo!()
    }

    /// When following: a descriptor that becomes readable when there may be more. Wait for it after
    /// [`next_entry`](Self::next_entry) said `None`, then call that again.
    pub fn watch(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Following: nothing more will be written (the container has ended). Entries already in the files
    /// still come; then `None` is the end.
    pub fn stop_following(&mut self) {}

    /// Whether a later call of [`next_entry`](Self::next_entry) can yield something after a `None`.
    pub fn is_following(&self) -> bool {
        false
    }
}
