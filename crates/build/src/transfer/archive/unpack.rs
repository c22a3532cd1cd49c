//! Unpacking a tar stream beneath a directory.

use std::io::{self, Read};
use std::path::Path;

use beneath::Root;
use image::{ExtractError, ExtractOptions, Limits};

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
