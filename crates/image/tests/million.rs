//! A layer of a million entries unpacks in bounded memory.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;

use image::{ImportOptions, Limits, Store};
use tar::{EntryType, Header};

const ENTRIES: u32 = 1_000_000;

/// Where the digits of the number stand in the name `d000/.wh.l000`.
const DIGITS: [usize; 6] = [1, 2, 3, 10, 11, 12];

/// A tar stream of whiteouts of files that are not there, made while it is read.
struct Whiteouts {
    next: u32,
    /// The header of the entry zero.
    first: Header,
    block: [u8; 512],
    taken: usize,
}

impl Whiteouts {
    fn new() -> Self {
        let mut first = Header::new_ustar();
        first.set_entry_type(EntryType::Regular);
        first.set_path("d000/.wh.l000").unwrap();
        first.set_size(0);
        first.set_mode(0o644);
        first.set_cksum();
        Self { next: 0, first, block: [0; 512], taken: 512 }
    }

    fn header(&self, number: u32) -> [u8; 512] {
        let mut header = self.first.clone();
        let mut rest = number;
        for at in DIGITS.into_iter().rev() {
            header.as_mut_bytes()[at] += (rest % 10) as u8;
            rest /= 10;
        }
        let digits: u32 = DIGITS.iter().map(|at| u32::from(header.as_bytes()[*at] - b'0')).sum();
        let sum = self.first.cksum().unwrap() + digits;
        header.as_mut_bytes()[148..155].copy_from_slice(format!("{sum:07o}").as_bytes());
        *header.as_bytes()
    }
}

impl Read for Whiteouts {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.taken == self.block.len() {
            if self.next == ENTRIES {
                return Ok(0);
            }
            (self.block, self.taken) = (self.header(self.next), 0);
            self.next += 1;
        }
        let length = buffer.len().min(self.block.len() - self.taken);
        buffer[..length].copy_from_slice(&self.block[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

/// The most memory this process has had since it was last reset, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// In memory where that can be: a disk may take a millisecond for each file.
fn place() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn a_million_entries_unpack_in_bounded_memory_or_end_at_the_limit() {
    let dir = place();
    let store = Store::open(dir.path().join("store")).unwrap();
    let lease = store.lease().unwrap();
    let before = peak();
    let limits = Limits { entries: 100, ..Limits::default() };
    let options = ImportOptions { limits, ..ImportOptions::default() };
    let error = store.import_layer(&lease, &mut Whiteouts::new(), &options).unwrap_err();
    let told = std::error::Error::source(&error).unwrap().to_string();
    assert!(told.contains("more than 100 entries") && told.contains("\"d000/.wh.l100\""), "{told}");
    let layer = store.import_layer(&lease, &mut Whiteouts::new(), &ImportOptions::default()).unwrap();
    let unpacked = store.layer_path(&layer.id);
    assert!(fs::symlink_metadata(unpacked.join("d999/l999")).unwrap().file_type().is_char_device());
    let grown = peak() - before;
    assert!(grown < 64 << 10, "{grown} KiB more for {ENTRIES} entries");
    drop(lease);
    store.discard(&[layer.id], &[]).unwrap();
}
