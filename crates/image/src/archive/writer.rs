//! A canonical tar stream: ustar headers, PAX records only where a header cannot hold a value, nothing that depends on
//! the machine.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;

use rustix::io::{Errno, read};
use sha2::{Digest as _, Sha256};

use super::entry::{Entry, Kind};
use super::header::{BLOCK, Header};
use super::pax::write_records;
use crate::Digest;

const BUFFER: usize = 256 * 1024;

/// Where a tar stream goes: hashed, written on, or both.
pub(crate) struct Writer<'w> {
    to: Option<&'w mut dyn Write>,
    hasher: Option<Sha256>,
    buffer: Box<[u8]>,
    filled: usize,
    flushed: u64,
    records: Vec<u8>,
}

/// Why the data of a file was not written.
pub(crate) enum DataError {
    Read(io::Error),
    /// The file is shorter than it was.
    Shrunk,
    Write(io::Error),
}

impl<'w> Writer<'w> {
    pub(crate) fn new(to: Option<&'w mut dyn Write>, hash: bool) -> Self {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Self { to, hasher: hash.then(Sha256::new), buffer, filled: 0, flushed: 0, records: Vec::new() }
    }

    /// Writes the headers of a member.
    pub(crate) fn header(&mut self, entry: &Entry) -> io::Result<()> {
        let mut records = std::mem::take(&mut self.records);
        records.clear();
        write_records(entry, &mut records);
        if !records.is_empty() {
            let size = records.len() as u64;
            self.bytes(&Header::pax(size).0)?;
            self.bytes(&records)?;
            self.pad(size)?;
        }
        self.records = records;
        self.bytes(&Header::of(entry).0)
    }

    /// Writes exactly `size` bytes of a file, and the padding.
    pub(crate) fn data(&mut self, fd: BorrowedFd<'_>, size: u64) -> Result<(), DataError> {
        let mut left = size;
        while left > 0 {
            if self.filled == BUFFER {
                self.flush().map_err(DataError::Write)?;
            }
            let room = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER - self.filled);
            match read(fd, &mut self.buffer[self.filled..self.filled + room]) {
                Ok(0) => return Err(DataError::Shrunk),
                Ok(count) => {
                    self.filled += count;
                    left -= count as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(DataError::Read(errno.into())),
            }
        }
        self.pad(size).map_err(DataError::Write)
    }

    /// Writes a member whose data `produce` writes. A `produce` that writes more or less than the entry's size is an error.
    pub(crate) fn member<E: From<io::Error>>(
        &mut self,
        entry: &Entry,
        produce: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        self.header(entry)?;
        let mut data = Data { writer: self, left: entry.size };
        produce(&mut data)?;
        if data.left > 0 {
            let text = format!("{}: {} bytes of its data are missing", entry.name(), data.left);
            return Err(io::Error::other(text).into());
        }
        Ok(self.pad(entry.size)?)
    }

    /// Writes the end marker; the stream's digest and length in bytes.
    pub(crate) fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.bytes(&[0; 2 * BLOCK])?;
        self.flush()?;
        let digest = self.hasher.unwrap_or_default().finalize();
        Ok((Digest::from_bytes(digest.into()), self.flushed))
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = (size % BLOCK as u64) as usize;
        if over == 0 { Ok(()) } else { self.bytes(&[0; BLOCK][over..]) }
    }

    fn bytes(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.filled == BUFFER {
                self.flush()?;
            }
            let count = bytes.len().min(BUFFER - self.filled);
            self.buffer[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
            self.filled += count;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = &self.buffer[..self.filled];
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        if let Some(to) = &mut self.to {
            to.write_all(bytes)?;
        }
        self.flushed += self.filled as u64;
        self.filled = 0;
        Ok(())
    }
}

/// The place of a member's data.
struct Data<'a, 'w> {
    writer: &'a mut Writer<'w>,
    left: u64,
}

impl Write for Data<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| io::Error::other("a member is longer than its header says"))?;
        self.writer.bytes(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Entry {
    /// Whether data follows the header.
    pub(crate) fn has_data(&self) -> bool {
        self.kind == Kind::File && self.size > 0
    }
}
