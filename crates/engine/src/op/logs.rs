use bytes::Bytes;
use time::OffsetDateTime;

/// Which lines of a container's output are read.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Go on as the container writes, until it exits.
    pub follow: bool,
    /// Only the last so many lines.
    pub tail: Option<usize>,
    /// Only lines from then on.
    pub since: Option<OffsetDateTime>,
    /// Only lines before.
    pub until: Option<OffsetDateTime>,
}

/// Which stream a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output (1).
    Stdout,
    /// Standard error (2).
    Stderr,
}

/// A line of output.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Where it was written to.
    pub stream: OutputStream,
    /// When it was written.
    pub time: OffsetDateTime,
    /// Its bytes, with the line feed if there was one.
    pub text: Bytes,
}
