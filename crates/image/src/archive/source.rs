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

/// Which digests are wanted; each costs about as much time as unpacking.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Of the bytes as they come.
    pub(crate) raw: bool,
    /// Of the inflated bytes.
    pub(crate) inflated: bool,
}

/// What is known of a stream when it was read to its end.
#[derive(Debug)]
pub(crate) struct Streamed {
    /// Digest of the bytes as they came, if it was wanted.
    pub(crate) raw: Option<Digest>,
    /// Digest of the inflated bytes, if it was wanted.
    pub(crate) inflated: Option<Digest>,
    /// Number of bytes as they came.
    pub(crate) size: u64,
    pub(crate) compression: Compression,
}

/// Runs `consume` on the inflated stream while the tap is read elsewhere.
///
/// The stream is read to its end only if `consume` reads to the end.
pub(crate) fn inflate<T, E: From<io::Error>>(
    tap: &mut Tap<'_>,
    wanted: Wanted,
    consume: impl FnOnce(&mut Chunks) -> Result<T, E>,
) -> Result<(T, Streamed), E> {
    let mut input = BufReader::with_capacity(CHUNK, &mut *tap);
    // The first bytes are hashed here, what follows where it is read.
    let start = input.fill_buf()?;
    let compression = Compression::detect(start);
    let plain = compression == Compression::None;
    let raw = wanted.raw || (wanted.inflated && plain);
    let hasher = raw.then(|| Sha256::new_with_prefix(start));
    input.get_mut().hasher = hasher;
    let (filled, chunks) = sync_channel(AHEAD);
    let (used, empty) = channel();
    let hasher = (wanted.inflated && !plain).then(Sha256::new);
    let mut chunks = Chunks { chunks, used, chunk: Vec::new(), taken: 0, hasher };
    let (consumed, inflated) = thread::scope(|scope| {
        let producer = scope.spawn(move || produce(input, compression, &filled, &empty));
        let consumed = consume(&mut chunks);
        let inflated = chunks.hasher.take();
        drop(chunks);
        let produced = producer.join().map_err(|_| io::Error::other("the inflating thread panicked"));
        let consumed = consumed?;
        produced??;
        Ok::<_, E>((consumed, inflated))
    })?;
    let raw = tap.hasher.take().map(finish);
    let inflated = inflated.map(finish).or(raw.filter(|_| plain));
    Ok((consumed, Streamed { raw, inflated, size: tap.size, compression }))
}

/// Inflates to the end, or until nobody listens any more.
fn produce<R: Read>(
    mut input: BufReader<R>,
    compression: Compression,
    filled: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let done = inflater(compression, &mut input).and_then(|mut inflated| {
        while let Some(chunk) = next_chunk(&mut inflated, empty)? {
            if filled.send(Ok(chunk)).is_err() {
                break;
            }
        }
        Ok(())
    });
    if let Err(error) = done {
        let copy = io::Error::from(error.kind());
        // Nobody listens when the consumer failed first.
        let _ = filled.send(Err(error));
        return Err(copy);
    }
    Ok(())
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

fn finish(hasher: Sha256) -> Digest {
    Digest::from_bytes(hasher.finalize().into())
}

/// A stream as it comes: hashes and copies what passes.
pub(crate) struct Tap<'a> {
    stream: &'a mut (dyn Read + Send + 'a),
    copy: Option<&'a mut (dyn Write + Send + 'a)>,
    hasher: Option<Sha256>,
    size: u64,
}

impl<'a> Tap<'a> {
    pub(crate) fn new(
        stream: &'a mut (dyn Read + Send + 'a),
        copy: Option<&'a mut (dyn Write + Send + 'a)>,
    ) -> Self {
        Self { stream, copy, hasher: None, size: 0 }
    }

    /// Reads what is left, for its digest only; `None` when it was not hashed or cannot be read.
    pub(crate) fn rest(self) -> Option<Digest> {
        let mut rest = Tap { copy: None, ..self };
        rest.hasher.as_ref()?;
        io::copy(&mut rest, &mut io::sink()).ok()?;
        rest.hasher.map(finish)
    }
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let read = &buffer[..count];
        if let Some(hasher) = &mut self.hasher {
            hasher.update(read);
        }
        if let Some(Err(error)) = self.copy.as_mut().map(|copy| copy.write_all(read)) {
            // Nobody needs the digest of what cannot be kept.
            self.hasher = None;
            return Err(error);
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
