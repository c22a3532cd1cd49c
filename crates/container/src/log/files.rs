//! The files of a log being written: appending and rotation.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The path of the `n`th older file; 0 is the newest.
pub(super) fn rotated(path: &Path, n: u32) -> PathBuf {
    if n == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    PathBuf::from(name)
}

/// The newest file, open for appending.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    file: File,
    size: u64,
    max_file: u32,
}

impl Files {
    /// Opens or makes the newest file. A last line that a crash cut short is ended.
    pub(super) fn open(path: PathBuf, max_file: u32) -> io::Result<Self> {
        let (file, size) = open(&path)?;
        let mut files = Self { path, file, size, max_file: max_file.max(1) };
        if files.is_torn()? {
            files.write(b"\n")?;
        }
        Ok(files)
    }

    /// Length of the newest file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Appends all of `bytes` or nothing.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            // Without a torn line if possible; otherwise readers pass over it.
            let _ = self.file.set_len(self.size);
            return Err(error);
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Begins a new file; the others move up by one and the oldest is removed.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        if self.max_file == 1 {
            self.file.set_len(0)?;
            self.size = 0;
            return Ok(());
        }
        for n in (0..self.max_file - 1).rev() {
            match std::fs::rename(rotated(&self.path, n), rotated(&self.path, n + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        (self.file, self.size) = open(&self.path)?;
        Ok(())
    }

    fn is_torn(&self) -> io::Result<bool> {
        let mut last = [b'\n'];
        if self.size > 0 {
            self.file.read_exact_at(&mut last, self.size - 1)?;
        }
        Ok(last != [b'\n'])
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}
