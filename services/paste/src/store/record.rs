//! A paste as it is in the log: a head of fixed length, then the text.

use super::{KEY_LENGTH, Key};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt as _,
};

/// Length of the text, key, expiry, place of the record before, whether it is private; then the checksum.
const FIELDS: usize = 4 + KEY_LENGTH + 8 + 8 + 1;
const CHECKSUM: usize = 8;
const HEAD: usize = FIELDS + CHECKSUM;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) key: Key,
    pub(super) private: bool,
    /// Seconds since 1970 from which on it is not shown.
    pub(super) expires: Option<u64>,
    /// One more than the place of the record before it with the same hash; 0 when there is none.
    pub(super) previous: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) head: Head,
    pub(super) text: Vec<u8>,
}

impl Head {
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// The bytes of the record with this head and text.
    pub(super) fn record(&self, text: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + text.len());
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(self.key);
        bytes.extend(self.expires.unwrap_or(u64::MAX).to_le_bytes());
        bytes.extend(self.previous.to_le_bytes());
        bytes.push(u8::from(self.private));
        let sum = checksum(&bytes, text);
        bytes.extend(sum);
        bytes.extend(text);
        bytes
    }

    /// The head and the length of the text.
    fn read(bytes: &[u8; HEAD]) -> Option<(Self, usize)> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (previous, rest) = rest.split_first_chunk()?;
        let expires = Some(u64::from_le_bytes(*expires)).filter(|expires| *expires != u64::MAX);
        let private = *rest.first()? != 0;
        let head = Self { key: *key, private, expires, previous: u64::from_le_bytes(*previous) };
        Some((head, u32::from_le_bytes(*length) as usize))
    }
}

/// The head of the record at a place of a file, and the length of its text. Not checked against the text.
pub(super) fn head_at(file: &File, at: u64) -> io::Result<(Head, usize)> {
    let mut bytes = [0; HEAD];
    file.read_exact_at(&mut bytes, at)?;
    Head::read(&bytes).filter(|(_, length)| *length <= crate::post::MAX_PASTE).ok_or_else(damaged)
}

/// The record at a place of a file, whose text has this length.
pub(super) fn read_at(file: &File, at: u64, length: usize) -> io::Result<Record> {
    let mut bytes = vec![0; HEAD + length];
    file.read_exact_at(&mut bytes, at)?;
    next(&mut &bytes[..])?.map(|(record, _)| record).ok_or_else(damaged)
}

/// The next record and its length in the file; none at the end.
///
/// # Errors
/// `InvalidData` or `UnexpectedEof` where there is no whole record.
pub(super) fn next(input: &mut impl Read) -> io::Result<Option<(Record, u64)>> {
    let mut bytes = [0; HEAD];
    let first = input.read(&mut bytes)?;
    if first == 0 {
        return Ok(None);
    }
    input.read_exact(&mut bytes[first..])?;
    let (head, length) = Head::read(&bytes).ok_or_else(damaged)?;
    if length > crate::post::MAX_PASTE {
        return Err(damaged());
    }
    let mut text = vec![0; length];
    input.read_exact(&mut text)?;
    match checksum(&bytes[..FIELDS], &text) == bytes[FIELDS..] {
        true => Ok(Some((Record { head, text }, (HEAD + length) as u64))),
        false => Err(damaged()),
    }
}

fn checksum(fields: &[u8], text: &[u8]) -> [u8; CHECKSUM] {
    let hash = Sha256::new().chain_update(fields).chain_update(text).finalize();
    std::array::from_fn(|at| hash[at])
}

pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the log of pastes is damaged here")
}
