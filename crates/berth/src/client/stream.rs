//! Hijacked connections: Docker's raw and multiplexed streams.

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{self, AsyncReadExt, ReadHalf, WriteHalf};

/// A connection that has become a stream in both directions.
pub(crate) struct Hijacked {
    /// What the engine sends.
    pub(crate) reader: Reader,
    /// What the engine gets; shutting it down is the end of the standard input.
    pub(crate) writer: WriteHalf<TokioIo<Upgraded>>,
}

/// Which of a container's outputs a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The engine's half of a hijacked connection.
pub(crate) struct Reader(ReadHalf<TokioIo<Upgraded>>);

impl Hijacked {
    pub(super) fn new(upgraded: Upgraded) -> Hijacked {
        let (reader, writer) = io::split(TokioIo::new(upgraded));
        Hijacked { reader: Reader(reader), writer }
    }
}

impl Reader {
    /// Reads whatever has come; 0 at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    /// Reads the next frame's header; `None` at the end.
    ///
    /// # Errors
    /// The connection broke within a header.
    pub(crate) async fn frame(&mut self) -> io::Result<Option<(Source, usize)>> {
        let mut header = [0_u8; 8];
        let mut filled = 0;
        while filled < header.len() {
            match self.0.read(&mut header[filled..]).await? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(Some(parse_header(header)))
    }
}

/// A frame's header: the stream's number, three zeros, the length in network order.
pub(crate) fn parse_header(header: [u8; 8]) -> (Source, usize) {
    let [stream, _, _, _, a, b, c, d] = header;
    let source = if stream == 2 { Source::Stderr } else { Source::Stdout };
    (source, u32::from_be_bytes([a, b, c, d]) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_the_stream_and_the_length() {
        assert_eq!(parse_header([1, 0, 0, 0, 0, 0, 1, 2]), (Source::Stdout, 258));
        assert_eq!(parse_header([2, 0, 0, 0, 0, 0, 0, 0]), (Source::Stderr, 0));
    }
}
