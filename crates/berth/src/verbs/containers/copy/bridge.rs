//! Between a connection, which is asynchronous, and archives, which are read and written by threads that may block.

use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Pieces that may wait for the slower side.
const AHEAD: usize = 8;
const PIECE: usize = 64 * 1024;

/// Both ends of a stream of pieces.
pub(crate) fn channel() -> (Sender<io::Result<Bytes>>, Receiver<io::Result<Bytes>>) {
    mpsc::channel(AHEAD)
}

/// Writes what a thread makes; blocks while the other side is slower.
pub(crate) struct ArchiveWriter {
    sender: Sender<io::Result<Bytes>>,
    held: Vec<u8>,
}

impl ArchiveWriter {
    pub(crate) fn new(sender: Sender<io::Result<Bytes>>) -> Self {
        Self { sender, held: Vec::with_capacity(PIECE) }
    }

    /// Cuts the stream off, so that the other side does not take it for whole.
    pub(crate) fn cut_off(self) {
        // Nobody to tell when the other side has gone.
        let _ = self.sender.blocking_send(Err(io::Error::other("the archive breaks off")));
    }
}

impl Write for ArchiveWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.held, Vec::with_capacity(PIECE));
        if piece.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads on a thread what comes over a connection, and counts it.
pub(crate) struct ArchiveReader {
    receiver: Receiver<io::Result<Bytes>>,
    piece: Bytes,
    /// Bytes read so far.
    pub(crate) count: u64,
}

impl ArchiveReader {
    pub(crate) fn new(receiver: Receiver<io::Result<Bytes>>) -> Self {
        Self { receiver, piece: Bytes::new(), count: 0 }
    }
}

impl Read for ArchiveReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        self.count += count as u64;
        Ok(count)
    }
}

/// Feeds an answer to a reader, until either ends.
pub(crate) async fn feed(mut body: Incoming, sender: Sender<io::Result<Bytes>>) {
    while let Some(frame) = body.frame().await {
        let piece = match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => Ok(data),
            Ok(Err(_)) => continue,
            Err(error) => Err(io::Error::other(error)),
        };
        if sender.send(piece).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_in_order_and_counted() {
        let (sender, receiver) = channel();
        let writing = tokio::task::spawn_blocking(move || {
            let mut writer = ArchiveWriter::new(sender);
            writer.write_all(&[7; 3 * PIECE + 1])?;
            writer.flush()
        });
        let read = tokio::task::spawn_blocking(move || {
            let mut reader = ArchiveReader::new(receiver);
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| (all.len(), reader.count))
        });
        writing.await.unwrap().unwrap();
        assert_eq!(read.await.unwrap().unwrap(), (3 * PIECE + 1, 3 * PIECE as u64 + 1));
    }

    #[tokio::test]
    async fn a_cut_stream_is_not_taken_for_whole() {
        let (sender, receiver) = channel();
        tokio::task::spawn_blocking(move || ArchiveWriter::new(sender).cut_off()).await.unwrap();
        let read = tokio::task::spawn_blocking(move || ArchiveReader::new(receiver).read(&mut [0; 8]));
        assert!(read.await.unwrap().is_err());
    }
}
