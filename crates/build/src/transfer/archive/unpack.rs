//! Unpacking a tar stream beneath a directory.

use std::io::{self, Read};
use std::path::Path;

use beneath::Root;
use image::{ExtractError, ExtractOptions, Limits};

use super::format::{Detected, detect};
use crate::request::Cancel;
use crate::transfer::TransferError;

/// What an archive may unpack to. All of its entries are held in memory when they are copied to the layer.
const LIMITS: Limits = Limits { bytes: 1 << 40, entries: 2_000_000 };

/// Unpacks `stream` into the empty directory `into`; `archive` names it in errors.
pub(crate) fn unpack(
    archive: &Path,
    stream: impl Read + Send,
    into: &Path,
    cancel: &Cancel,
) -> Result<(), TransferError> {
    let open = |source| TransferError::Archive { archive: archive.to_owned(), source };
    let root = Root::open(into).map_err(open)?;
    let options = ExtractOptions { limits: LIMITS, for_layer: true, ..ExtractOptions::default() };
    let mut stream = Stoppable { stream, cancel };
    match image::extract(&root, Path::new("."), &mut stream, &options) {
        Ok(_) => Ok(()),
        Err(ExtractError::Read(_)) if cancel.is_cancelled() => Err(TransferError::Cancelled),
        Err(source) => Err(TransferError::Unpack { archive: archive.to_owned(), source }),
    }
}

/// Unpacks a build context that was sent, plain or compressed in any way that `ADD` knows, into the empty directory `into`.
///
/// # Errors
/// [`TransferError`] for what is no archive, or has something in it that cannot be unpacked.
pub fn unpack_context(stream: impl Read + Send, into: &Path) -> Result<(), TransferError> {
    let name = Path::new("that was sent");
    let fail = |source| TransferError::Archive { archive: name.to_owned(), source };
    match detect(stream).map_err(fail)? {
        Detected::Archive(compression, stream) => {
            let stream = compression.reader(stream).map_err(fail)?;
            unpack(name, stream, into, &Cancel::default())
        }
        Detected::Empty => Ok(()),
        Detected::Other => Err(fail(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is no tar archive (plain, or compressed with gzip, bzip2, xz or zstd)",
        ))),
    }
}

/// A stream that ends with an error when the build is cancelled.
struct Stoppable<'a, R> {
    stream: R,
    cancel: &'a Cancel,
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.cancel.is_cancelled() {
            true => Err(io::Error::other("cancelled")),
            false => self.stream.read(buffer),
        }
    }
}
