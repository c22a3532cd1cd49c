//! Tests of the reader against logs made by the writer.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use tempfile::TempDir;
use time::OffsetDateTime;

use super::{LogConfig, LogQuery, LogReader, LogWriter, StreamName};

struct Log {
    dir: TempDir,
    writer: LogWriter,
}

impl Log {
    /// Files hold two entries each when `max_file` is not 0.
    fn new(max_file: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let max_size = (max_file > 0).then_some(100);
        let config = LogConfig { path: dir.path().join("x.log"), max_size, max_file, attrs: BTreeMap::new() };
        Self { dir, writer: LogWriter::open(config).unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("x.log")
    }

    /// Writes lines named by numbers, at these seconds; odd ones to standard error.
    fn write(&mut self, numbers: std::ops::RangeInclusive<i64>) {
        for n in numbers {
            let stream = if n % 2 == 1 { StreamName::Stderr } else { StreamName::Stdout };
            self.writer.append(stream, at(n), format!("{n}\n").as_bytes());
        }
    }

    fn reader(&self, query: LogQuery) -> LogReader {
        LogReader::open(&self.path(), query).unwrap()
    }

    fn read(&self, query: LogQuery) -> Vec<String> {
        drain(&mut self.reader(query))
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

fn all() -> LogQuery {
    LogQuery { stdout: true, stderr: true, ..LogQuery::default() }
}

fn following() -> LogQuery {
    LogQuery { follow: true, ..all() }
}

fn drain(reader: &mut LogReader) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        texts.push(entry.text.trim_end().to_owned());
    }
    texts
}

#[test]
fn a_log_is_read_across_its_rotated_files() {
    let mut log = Log::new(3);
    log.write(1..=7);
    assert_eq!(log.read(all()), ["3", "4", "5", "6", "7"]);
}

#[test]
fn a_missing_log_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = LogReader::open(&dir.path().join("none"), following()).unwrap();
    assert_eq!(reader.next_entry().unwrap(), None);
}

#[test]
fn tail_counts_across_files() {
    let mut log = Log::new(9);
    log.write(1..=7);
    let tail = |n| log.read(LogQuery { tail: Some(n), ..all() });
    assert_eq!(tail(0), [""; 0]);
    assert_eq!(tail(1), ["7"]);
    assert_eq!(tail(4), ["4", "5", "6", "7"]);
    assert_eq!(tail(99).len(), 7);
}

#[test]
fn tail_counts_only_what_is_wanted() {
    let mut log = Log::new(9);
    log.write(1..=7);
    let query = LogQuery { tail: Some(2), stderr: false, until: Some(at(6)), ..all() };
    assert_eq!(log.read(query), ["4", "6"]);
}

#[test]
fn a_span_of_time_includes_both_ends() {
    let mut log = Log::new(0);
    log.write(1..=7);
    assert_eq!(log.read(LogQuery { since: Some(at(3)), until: Some(at(5)), ..all() }), ["3", "4", "5"]);
}

#[test]
fn streams_are_selected() {
    let mut log = Log::new(0);
    log.write(1..=4);
    assert_eq!(log.read(LogQuery { stdout: false, ..all() }), ["1", "3"]);
}

#[test]
fn a_torn_last_line_is_passed_over() {
    let mut log = Log::new(0);
    log.write(1..=2);
    fs::OpenOptions::new().append(true).open(log.path()).unwrap().write_all(b"{\"log\":\"tor").unwrap();
    assert_eq!(log.read(all()), ["1", "2"]);
    assert_eq!(log.read(LogQuery { tail: Some(1), ..all() }), ["2"]);
}

#[test]
fn following_goes_on_with_what_is_written() {
    let mut log = Log::new(0);
    log.write(1..=2);
    let mut reader = log.reader(LogQuery { tail: Some(1), ..following() });
    assert_eq!(drain(&mut reader), ["2"]);
    log.write(3..=4);
    assert_eq!(drain(&mut reader), ["3", "4"]);
    assert!(reader.watch().is_some());
}

#[test]
fn following_crosses_rotations() {
    let mut log = Log::new(5);
    log.write(1..=1);
    let mut reader = log.reader(following());
    assert_eq!(drain(&mut reader), ["1"]);
    log.write(2..=8);
    assert_eq!(drain(&mut reader), ["2", "3", "4", "5", "6", "7", "8"]);
    log.write(9..=9);
    assert_eq!(drain(&mut reader), ["9"]);
}

#[test]
fn following_takes_what_is_left_when_it_fell_behind_the_rotation() {
    let mut log = Log::new(2);
    log.write(1..=1);
    let mut reader = log.reader(following());
    assert_eq!(drain(&mut reader), ["1"]);
    log.write(2..=8);
    // The first file is still open, though it has been removed.
    assert_eq!(drain(&mut reader), ["2", "5", "6", "7", "8"]);
}

#[test]
fn following_crosses_truncation() {
    let mut log = Log::new(1);
    log.write(1..=2);
    let mut reader = log.reader(following());
    assert_eq!(drain(&mut reader), ["1", "2"]);
    log.write(3..=3);
    assert_eq!(drain(&mut reader), ["3"]);
}

#[test]
fn following_begins_before_the_log_exists() {
    let mut log = Log::new(0);
    fs::remove_file(log.path()).unwrap();
    let mut reader = log.reader(following());
    assert_eq!(drain(&mut reader), [""; 0]);
    let config = LogConfig { path: log.path(), max_size: None, max_file: 0, attrs: BTreeMap::new() };
    log.writer = LogWriter::open(config).unwrap();
    log.write(1..=1);
    assert_eq!(drain(&mut reader), ["1"]);
}

#[test]
fn following_ends_after_the_last_entry_when_told() {
    let mut log = Log::new(2);
    let mut reader = log.reader(following());
    log.write(1..=4);
    reader.stop_following();
    assert_eq!(drain(&mut reader), ["1", "2", "3", "4"]);
    assert!(!reader.is_following());
}

#[test]
fn following_ends_at_until() {
    let mut log = Log::new(0);
    let mut reader = log.reader(LogQuery { until: Some(at(2)), ..following() });
    log.write(1..=4);
    assert_eq!(drain(&mut reader), ["1", "2"]);
    assert!(!reader.is_following());
}

#[test]
fn the_watch_becomes_readable_when_something_is_written() {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut log = Log::new(0);
    let mut reader = log.reader(following());
    assert_eq!(drain(&mut reader), [""; 0]);
    let ready = |reader: &LogReader| {
        let watch = reader.watch().unwrap();
        poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&rustix::event::Timespec::default())).unwrap()
    };
    assert_eq!(ready(&reader), 0);
    log.write(1..=1);
    assert_eq!(ready(&reader), 1);
    assert_eq!(drain(&mut reader), ["1"]);
    assert_eq!(ready(&reader), 0);
}
