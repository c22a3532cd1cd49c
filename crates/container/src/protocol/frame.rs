//! Docker's stream multiplexing: an 8-byte header (stream, three zeroes, length big-endian), then bytes.

use serde::{Deserialize, Serialize};

/// Length of a frame's header.
pub const HEADER: usize = 8;

/// An output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamName {
    /// Standard output, or all output of a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl StreamName {
    /// The name in json-file logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The header of a frame of `length` bytes.
pub fn header(stream: StreamName, length: u32) -> [u8; HEADER] {
    let [a, b, c, d] = length.to_be_bytes();
    let kind = match stream {
        StreamName::Stdout => 1,
        StreamName::Stderr => 2,
    };
    [kind, 0, 0, 0, a, b, c, d]
}

/// Reads a header back: the stream and the length of what follows; `None` if it is none.
pub fn parse_header(bytes: [u8; HEADER]) -> Option<(StreamName, u32)> {
    let [kind, 0, 0, 0, a, b, c, d] = bytes else { return None };
    let stream = match kind {
        1 => StreamName::Stdout,
        2 => StreamName::Stderr,
        _ => return None,
    };
    Some((stream, u32::from_be_bytes([a, b, c, d])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back() {
        let bytes = header(StreamName::Stderr, 70_000);
        assert_eq!(bytes, [2, 0, 0, 0, 0, 1, 0x11, 0x70]);
        assert_eq!(parse_header(bytes), Some((StreamName::Stderr, 70_000)));
    }

    #[test]
    fn a_foreign_header_is_refused() {
        assert_eq!(parse_header([9, 0, 0, 0, 0, 0, 0, 1]), None);
        assert_eq!(parse_header([1, 0, 1, 0, 0, 0, 0, 1]), None);
    }
}
