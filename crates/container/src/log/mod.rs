//! Docker's json-file logs: one JSON object a line, `{"log":"…\n","stream":"stdout","time":"…"}`.
//!
//! Lines longer than 16 KiB are split into entries of which only the last ends with a newline. When the
//! newest file has reached its size, files are renamed: `x` to `x.1`, `x.1` to `x.2`, and so on.

mod entry;
mod files;
mod follow;
mod lines;
mod reader;
#[cfg(test)]
mod reader_tests;
mod source;
mod writer;

pub use crate::protocol::{LogConfig, StreamName};
pub use entry::LogEntry;
pub use reader::{LogQuery, LogReader, ReadLogError};
pub use writer::{LogLoss, LogWriter, OpenLogError};
