//! Taking Docker's frames apart again, for clients that want the bytes alone.

use bytes::Bytes;
use container::protocol::frame::{HEADER, parse_header};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that are read at once.
const PIECE: usize = 16 << 10;

/// A container's output without the frames.
#[derive(Debug)]
pub(super) struct Payload<R> {
    from: R,
    /// Bytes left of the present frame; none where there are no frames.
    left: Option<usize>,
}

impl<R: AsyncRead + Unpin> Payload<R> {
    /// Output that is framed unless it is a terminal's.
    pub(super) fn new(from: R, framing: super::Framing) -> Self {
        Self { from, left: (framing == super::Framing::Multiplexed).then_some(0) }
    }

    /// The next piece; none at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while self.left == Some(0) {
            let mut header = [0; HEADER];
            match self.from.read_exact(&mut header).await {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
            let (_, length) = parse_header(header).ok_or(io::ErrorKind::InvalidData)?;
            self.left = Some(length as usize);
        }
        let mut piece = vec![0; self.left.unwrap_or(PIECE).min(PIECE)];
        let count = self.from.read(&mut piece).await?;
        piece.truncate(count);
        self.left = self.left.map(|left| left - count);
        Ok((count > 0).then(|| piece.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hijack::Framing;

    async fn all(bytes: &[u8], framing: Framing) -> Vec<Bytes> {
        let mut payload = Payload::new(bytes, framing);
        let mut pieces = Vec::new();
        while let Some(piece) = payload.next().await.unwrap() {
            pieces.push(piece);
        }
        pieces
    }

    #[tokio::test]
    async fn frames_are_taken_off() {
        let framed = b"\x01\0\0\0\0\0\0\x02hi\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x03you";
        assert_eq!(all(framed, Framing::Multiplexed).await, [&b"hi"[..], b"you"]);
        assert_eq!(all(b"as it is", Framing::Raw).await, [&b"as it is"[..]]);
    }

    #[tokio::test]
    async fn a_cut_frame_ends_it() {
        assert_eq!(all(b"\x01\0\0\0\0\0\0\x05hi", Framing::Multiplexed).await, [&b"hi"[..]]);
        assert!(all(b"\x01\0\0", Framing::Multiplexed).await.is_empty());
    }
}
