//! Docker's json-file logs: one JSON object a line, `{"log":"…\n","stream":"stdout","time":"…"}`.

mod entry;
mod reader;
mod writer;

pub use crate::protocol::{LogConfig, StreamName};
pub use entry::LogEntry;
pub use reader::{LogQuery, LogReader, ReadLogError};
pub use writer::{LogWriter, OpenLogError};
