//! A file of the log, named by the place of its first byte.

use super::record::{self, Head};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

const ENDING: &str = ".pastes";

#[derive(Debug, Default)]
pub(super) struct Segment {
    /// Bytes, with those behind the last whole record.
    pub(super) length: u64,
    /// When everything in it is over, in seconds since 1970; `None` when something never is.
    over: Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Over {
    At(u64),
    Never,
}

impl Default for Over {
    fn default() -> Self {
        Self::At(0)
    }
}

impl Segment {
    /// Makes the file that begins at `base`. One without a record may be there from before.
    pub(super) fn create(root: &Path, base: u64) -> io::Result<File> {
        let file =
            OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path(root, base))?;
        File::open(root)?.sync_all()?;
        Ok(file)
    }

    /// Reads a file and shows each record's place and head. Ends at the first that is not whole.
    pub(super) fn read(root: &Path, base: u64, mut show: impl FnMut(u64, &Head)) -> io::Result<Self> {
        let path = path(root, base);
        let file = File::open(&path)?;
        let (mut input, mut at) = (BufReader::with_capacity(1 << 18, &file), 0);
        let mut segment = Self { length: file.metadata()?.len(), over: Over::default() };
        loop {
            match record::next(&mut input) {
                Ok(None) => return Ok(segment),
                Ok(Some((record, length))) => {
                    show(base + at, &record.head);
                    segment.over = segment.over.max(Over::from(record.head.expires));
                    at += length;
                }
                Err(error) => {
                    use io::ErrorKind::{InvalidData, UnexpectedEof};
                    if !matches!(error.kind(), InvalidData | UnexpectedEof) {
                        return Err(error);
                    }
                    tracing::warn!(file = %path.display(), at, "no whole paste from here on: the rest is left alone");
                    return Ok(segment);
                }
            }
        }
    }

    pub(super) fn grow(&mut self, length: u64, expires: Option<u64>) {
        self.length += length;
        self.over = self.over.max(Over::from(expires));
    }

    pub(super) fn is_over(&self, now: u64) -> bool {
        self.over <= Over::At(now)
    }
}

impl From<Option<u64>> for Over {
    fn from(expires: Option<u64>) -> Self {
        expires.map_or(Self::Never, Self::At)
    }
}

/// Writes a record behind the last. After an error the file ends where it did, or its rest is overwritten by the next.
pub(super) fn append(file: &File, length: u64, record: &[u8]) -> io::Result<u64> {
    match file.write_all_at(record, length) {
        Ok(()) => Ok(record.len() as u64),
        Err(error) => {
            let _ = file.set_len(length);
            Err(error)
        }
    }
}

pub(super) fn path(root: &Path, base: u64) -> PathBuf {
    root.join(format!("{base:020}{ENDING}"))
}

/// The places where the files of a directory begin, in order.
pub(super) fn bases(root: &Path) -> io::Result<Vec<u64>> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let base: Option<u64> = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse().ok());
        bases.extend(base);
    }
    bases.sort_unstable();
    Ok(bases)
}
