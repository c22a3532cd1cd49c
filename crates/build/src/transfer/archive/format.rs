//! What a file is, by its content; names do not count.

use std::io::{self, BufReader, Chain, Cursor, Read};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Compression {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// Inflates a stream.
    pub(crate) fn reader<'a>(self, from: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
        let from = BufReader::with_capacity(64 << 10, from);
        Ok(match self {
            Self::None => Box::new(from),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(from)),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(from)),
            Self::Xz => Box::new(lzma_rust2::XzReader::new(from, true)),
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(from)?),
        })
    }
}

/// A stream of which the beginning was read and put back.
pub(crate) type Rewound<R> = Chain<Cursor<Vec<u8>>, R>;

/// What a stream is. What was read of it is given back.
pub(crate) enum Detected<R> {
    /// A tar archive.
    Archive(Compression, Rewound<R>),
    /// Nothing, or the end of an archive alone.
    Empty,
    /// Something else.
    Other,
}

impl<R> Detected<R> {
    /// The archive; an empty one counts as something else.
    pub(crate) fn archive(self) -> Option<(Compression, Rewound<R>)> {
        match self {
            Self::Archive(compression, stream) => Some((compression, stream)),
            Self::Empty | Self::Other => None,
        }
    }
}

/// Tells what a stream is by its beginning.
pub(crate) fn detect<R: Read>(mut from: R) -> io::Result<Detected<R>> {
    let mut head = Vec::new();
    from.by_ref().take(64 << 10).read_to_end(&mut head)?;
    let compression = Compression::of(&head);
    let mut block = Vec::new();
    // An error is that of a file that only looks compressed, or was cut off by us: what came before it decides.
    let _ = compression.reader(head.as_slice()).and_then(|reader| reader.take(512).read_to_end(&mut block));
    if is_tar_header(&block) {
        return Ok(Detected::Archive(compression, Cursor::new(head).chain(from)));
    }
    let is_end = head.is_empty() || (block.len() == 512 && block.iter().all(|byte| *byte == 0));
    Ok(if is_end { Detected::Empty } else { Detected::Other })
}

/// Whether a block is the header of a tar entry: its checksum is right.
fn is_tar_header(block: &[u8]) -> bool {
    let Some(field) = block.get(148..156).filter(|_| block.len() == 512) else { return false };
    let digits: String = field.iter().map(|byte| char::from(*byte)).collect();
    let Ok(expected) = u32::from_str_radix(digits.trim_matches([' ', '\0']), 8) else { return false };
    let sum = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) };
    block.iter().any(|byte| *byte != 0) && block.iter().enumerate().map(sum).sum::<u32>() == expected
}
