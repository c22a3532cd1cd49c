//! Inflating a stream in a thread of its own, beside the one that unpacks it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// Bytes handed from one thread to the other at a time.
const CHUNK: usize = 256 * 1024;
/// Chunks that may wait.
const AHEAD: usize = 4;

/// How a stream is compressed, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub(crate) fn detect(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A zstd stream may start with a skippable frame.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The OCI media type of a layer compressed like this.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

/// What is known of a stream when it was read to its end.
#[derive(Debug)]
pub(crate) struct Raw {
    /// Digest of the bytes as they came.
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) compression: Compression,
}

/// Runs `consume` on the inflated stream while `stream` is read and copied to `copy` elsewhere.
///
/// The stream is read to its end only if `consume` reads to the end.
pub(crate) fn inflate<'a, T, E>(
    stream: &'a mut (dyn Read + Send),
    copy: Option<&'a mut (dyn Write + Send)>,
    hash: bool,
    consume: impl FnOnce(&mut Chunks) -> Result<T, E>,
) -> Result<(T, io::Result<Raw>), E> {
    let (filled, chunks) = sync_channel(AHEAD);
    let (used, empty) = channel();
    thread::scope(|scope| {
        let producer = scope.spawn(move || produce(stream, copy, hash, &filled, &empty));
        let mut chunks = Chunks { chunks, used, chunk: Vec::new(), taken: 0, hasher: hash.then(Sha256::new) };
        let consumed = consume(&mut chunks);
        drop(chunks);
        let raw = producer.join().unwrap_or_else(|_| Err(io::Error::other("the inflating thread panicked")));
        consumed.map(|value| (value, raw))
    })
}

fn produce<'a>(
    stream: &'a mut (dyn Read + Send),
    copy: Option<&'a mut (dyn Write + Send)>,
    hash: bool,
    filled: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) -> io::Result<Raw> {
    let mut tap =
        BufReader::with_capacity(CHUNK, Tap { stream, copy, hasher: hash.then(Sha256::new), size: 0 });
    let done = tap.fill_buf().map(Compression::detect).and_then(|compression| {
        let mut inflated = inflater(compression, &mut tap)?;
        while let Some(chunk) = next_chunk(&mut inflated, empty)? {
            if filled.send(Ok(chunk)).is_err() {
                break;
            }
        }
        Ok(compression)
    });
    let tap = tap.into_inner();
    match done {
        Ok(compression) => Ok(Raw { digest: finish(tap.hasher), size: tap.size, compression }),
        Err(error) => {
            let copied = io::Error::from(error.kind());
            // Nobody listens any more when the consumer failed first.
            let _ = filled.send(Err(error));
            Err(copied)
        }
    }
}

fn inflater<'a, R: BufRead>(compression: Compression, input: &'a mut R) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
    })
}

/// Fills one chunk; `None` at the end.
fn next_chunk(from: &mut dyn Read, empty: &Receiver<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
    let mut chunk = empty.try_recv().unwrap_or_default();
    chunk.resize(CHUNK, 0);
    let mut length = 0;
    while length < CHUNK {
        match from.read(&mut chunk[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(length);
    Ok((length > 0).then_some(chunk))
}

fn finish(hasher: Option<Sha256>) -> Digest {
    Digest::from_bytes(hasher.unwrap_or_default().finalize().into())
}

/// Hashes and copies what passes.
struct Tap<'a> {
    stream: &'a mut (dyn Read + Send + 'a),
    copy: Option<&'a mut (dyn Write + Send + 'a)>,
    hasher: Option<Sha256>,
    size: u64,
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let read = &buffer[..count];
        if let Some(hasher) = &mut self.hasher {
            hasher.update(read);
        }
        if let Some(copy) = &mut self.copy {
            copy.write_all(read)?;
        }
        self.size += count as u64;
        Ok(count)
    }
}

/// The inflated stream.
#[derive(Debug)]
pub(crate) struct Chunks {
    chunks: Receiver<io::Result<Vec<u8>>>,
    used: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    taken: usize,
    hasher: Option<Sha256>,
}

impl Chunks {
    /// Digest of all chunks received; the stream's own once it was read to its end.
    pub(crate) fn digest(&self) -> Digest {
        finish(self.hasher.clone())
    }

    fn receive(&mut self) -> io::Result<()> {
        let Ok(next) = self.chunks.recv() else { return Ok(()) };
        let old = std::mem::replace(&mut self.chunk, next?);
        self.taken = 0;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.chunk);
        }
        // The producer may have ended already; it needs no buffers then.
        let _ = self.used.send(old);
        Ok(())
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.chunk.len() {
            self.receive()?;
        }
        Ok(&self.chunk[self.taken..])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
