//! Between streams of the async world and readers and writers that block.

use crate::op::ByteSource;
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use std::io::{self, Read, Write};
use tokio::{runtime::Handle, sync::mpsc};

/// The most that is written at once, in bytes: what waits for a slow reader is a few of these.
const PIECE: usize = 32 << 10;

/// Writes into a feed; blocks while it is full.
pub(crate) struct FeedWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl FeedWriter {
    pub(crate) fn new(sender: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { sender }
    }

    /// Ends the feed with an error, for whoever still listens.
    pub(crate) fn fail(self, error: io::Error) {
        let _ = self.sender.blocking_send(Err(error));
    }
}

impl Write for FeedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(PIECE)];
        let sent = self.sender.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads what a client sends; must not be used on a thread that runs async tasks.
pub(crate) struct SourceReader {
    runtime: Handle,
    source: ByteSource,
    chunk: Bytes,
}

impl SourceReader {
    pub(crate) fn new(runtime: Handle, source: ByteSource) -> Self {
        Self { runtime, source, chunk: Bytes::new() }
    }
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.source.next()) {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let count = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_is_read_across_empty_and_split_chunks() {
        let chunks = ["ab", "", "cde"].map(|text| Ok(Bytes::from(text)));
        let source: ByteSource = Box::pin(futures_util::stream::iter(chunks));
        let mut reader = SourceReader::new(Handle::current(), source);
        let read = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        assert_eq!(read.await.unwrap().unwrap(), "abcde");
    }

    #[tokio::test]
    async fn a_writer_notices_that_nobody_listens() {
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        let written = tokio::task::spawn_blocking(move || FeedWriter::new(sender).write(b"x"));
        assert_eq!(written.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
