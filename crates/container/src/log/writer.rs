//! Writing a log, with rotation.

use std::io;
use std::path::PathBuf;

use time::OffsetDateTime;

use super::entry::encode;
use super::files::Files;
use super::lines::{Lines, Piece};
use crate::protocol::{LogConfig, StreamName};

/// Encoded entries are written at the latest when they have come to so many bytes.
const BATCH: usize = 32 * 1024;

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

/// Entries that could not be written.
#[derive(Debug)]
pub struct LogLoss {
    /// How many entries were lost until now.
    pub entries: u64,
    /// Why the first of them was.
    pub cause: io::Error,
}

/// A json-file log being written.
///
/// Guarantees: everything that [`append`](Self::append) completes is in the file when it returns. What
/// cannot be written (disk full) is dropped and counted, see [`loss`](Self::loss); each later entry is
/// tried again.
#[derive(Debug)]
pub struct LogWriter {
    stdout: Lines,
    stderr: Lines,
    sink: Sink,
}

impl LogWriter {
    /// Opens the log for appending, making it if it does not exist.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(config: LogConfig) -> Result<Self, OpenLogError> {
        let LogConfig { path, max_size, max_file, attrs } = config;
        let attrs = match attrs.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&attrs).unwrap_or_default(),
        };
        let files = Files::open(path.clone(), max_file).map_err(|source| OpenLogError { path, source })?;
        let sink = Sink { files, max_size, attrs, batch: Vec::new(), batched: 0, loss: None };
        Ok(Self { stdout: Lines::default(), stderr: Lines::default(), sink })
    }

    /// Takes bytes as they were read from the container; whole lines are written at once.
    pub fn append(&mut self, stream: StreamName, now: OffsetDateTime, bytes: &[u8]) {
        let (lines, sink) = self.parts(stream);
        lines.push(bytes, now, |piece| sink.take(stream, &piece));
        sink.flush();
    }

    /// The stream has ended: what is left of an unfinished line is written.
    pub fn finish(&mut self, stream: StreamName, now: OffsetDateTime) {
        let (lines, sink) = self.parts(stream);
        lines.finish(now, |piece| sink.take(stream, &piece));
        sink.flush();
    }

    /// What could not be written, if anything.
    pub fn loss(&self) -> Option<&LogLoss> {
        self.sink.loss.as_ref()
    }

    fn parts(&mut self, stream: StreamName) -> (&mut Lines, &mut Sink) {
        match stream {
            StreamName::Stdout => (&mut self.stdout, &mut self.sink),
            StreamName::Stderr => (&mut self.stderr, &mut self.sink),
        }
    }
}

/// Encoded entries on their way to the file.
#[derive(Debug)]
struct Sink {
    files: Files,
    max_size: Option<u64>,
    attrs: String,
    batch: Vec<u8>,
    batched: u64,
    loss: Option<LogLoss>,
}

impl Sink {
    fn take(&mut self, stream: StreamName, piece: &Piece<'_>) {
        self.rotate_if_due();
        encode(&mut self.batch, piece.bytes, piece.ends_line, stream, &self.attrs, piece.time);
        self.batched += 1;
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    fn rotate_if_due(&mut self) {
        let Some(max) = self.max_size else { return };
        if self.files.size() + self.batch.len() as u64 >= max {
            self.flush();
            if self.files.size() >= max
                && let Err(cause) = self.files.rotate()
            {
                self.lose(0, cause);
            }
        }
    }

    fn flush(&mut self) {
        if self.batched > 0 {
            let result = self.files.write(&self.batch);
            self.batch = Vec::new();
            let entries = std::mem::take(&mut self.batched);
            if let Err(cause) = result {
                self.lose(entries, cause);
            }
        }
    }

    fn lose(&mut self, entries: u64, cause: io::Error) {
        let loss = self.loss.get_or_insert(LogLoss { entries: 0, cause });
        loss.entries += entries;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn config(dir: &tempfile::TempDir, max_size: Option<u64>, max_file: u32) -> LogConfig {
        LogConfig { path: dir.path().join("x-json.log"), max_size, max_file, attrs: Default::default() }
    }

    fn lines(path: &std::path::Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["log"].as_str().unwrap().into()
            })
            .collect()
    }

    fn write(writer: &mut LogWriter, text: &str) {
        writer.append(StreamName::Stdout, NOW, text.as_bytes());
    }

    #[test]
    fn streams_are_kept_apart_until_their_lines_end() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir, None, 0);
        let mut writer = LogWriter::open(config.clone()).unwrap();
        write(&mut writer, "out");
        writer.append(StreamName::Stderr, NOW, b"err\n");
        write(&mut writer, "put\nrest");
        writer.finish(StreamName::Stdout, NOW);
        assert_eq!(lines(&config.path), ["err\n", "output\n", "rest"]);
    }

    #[test]
    fn a_full_file_is_rotated_and_the_oldest_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir, Some(100), 3);
        let mut writer = LogWriter::open(config.clone()).unwrap();
        // Each entry has 61 bytes, so two make a file full.
        write(&mut writer, "1\n2\n3\n4\n5\n6\n7\n");
        assert_eq!(lines(&config.path), ["7\n"]);
        assert_eq!(lines(&rotated(&config, 1)), ["5\n", "6\n"]);
        assert_eq!(lines(&rotated(&config, 2)), ["3\n", "4\n"]);
        assert!(!rotated(&config, 3).exists());
    }

    fn rotated(config: &LogConfig, n: u32) -> PathBuf {
        super::super::files::rotated(&config.path, n)
    }

    #[test]
    fn a_single_file_is_emptied_when_full() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir, Some(100), 1);
        let mut writer = LogWriter::open(config.clone()).unwrap();
        write(&mut writer, "1\n2\n3\n");
        assert_eq!(lines(&config.path), ["3\n"]);
        assert!(!rotated(&config, 1).exists());
    }

    #[test]
    fn a_torn_last_line_is_ended_before_writing_on() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir, None, 1);
        fs::write(&config.path, "{\"log\":\"to").unwrap();
        let mut writer = LogWriter::open(config.clone()).unwrap();
        write(&mut writer, "new\n");
        let text = fs::read_to_string(&config.path).unwrap();
        assert_eq!(text.lines().next(), Some("{\"log\":\"to"));
        assert!(text.lines().nth(1).unwrap().starts_with("{\"log\":\"new\\n\""));
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_not_fatal() {
        let config =
            LogConfig { path: "/dev/full".into(), max_size: None, max_file: 1, attrs: Default::default() };
        let mut writer = LogWriter::open(config).unwrap();
        write(&mut writer, "1\n2\n");
        write(&mut writer, "3\n");
        let loss = writer.loss().unwrap();
        assert_eq!((loss.entries, loss.cause.kind()), (3, io::ErrorKind::StorageFull));
    }
}
