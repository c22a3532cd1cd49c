//! Writing a log, with rotation.

use std::io;
use std::path::PathBuf;

use time::OffsetDateTime;

use crate::protocol::{LogConfig, StreamName};

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the log {}", path.display())]
pub struct OpenLogError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A json-file log being written.
#[derive(Debug)]
pub struct LogWriter {
    _config: LogConfig,
}

impl LogWriter {
    /// Opens the log for appending, making it if it does not exist.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(config: LogConfig) -> Result<Self, OpenLogError> {
        Ok(Self { _config: config })
    }

    /// Takes bytes as they were read from the container; whole lines are written at once.
    pub fn append(&mut self, _stream: StreamName, _time: OffsetDateTime, _bytes: &[u8]) {
        todo!()
    }

    /// The stream has ended: what is left of an unfinished line is written.
    pub fn finish(&mut self, _stream: StreamName, _time: OffsetDateTime) {
        todo!()
    }
}
