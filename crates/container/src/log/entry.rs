//! One entry of a log.

use time::OffsetDateTime;

use crate::protocol::StreamName;

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Which stream it was written to.
    pub stream: StreamName,
    /// When it was read from the container.
    pub time: OffsetDateTime,
    /// The text, with its newline unless the line goes on in the next entry.
    pub text: String,
}
