//! Going down a tree in the order of names, with few descriptors whatever its depth.
//!
//! Assumptions: nobody renames directories of the tree meanwhile; where that happens the descent fails rather than going
//! on elsewhere.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, RawDir, fstat, openat};
use rustix::io::Errno;

/// Levels that are held open; the ones above are opened again, by `..`, on the way up.
const MAX_OPEN: usize = 32;

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The names in a directory, sorted by their bytes.
struct Names {
    bytes: Vec<u8>,
    /// Start, length and kind of each.
    index: Vec<(u32, u16, FileType)>,
    next: usize,
}

impl Names {
    fn read(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let mut names = Self { bytes: Vec::new(), index: Vec::new(), next: 0 };
        let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
        let mut entries = RawDir::new(fd, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let start = u32::try_from(names.bytes.len()).map_err(|_| Errno::OVERFLOW)?;
                names.bytes.extend_from_slice(name);
                names.index.push((start, name.len() as u16, entry.file_type()));
            }
        }
        let bytes = &names.bytes;
        names.index.sort_unstable_by_key(|&(start, length, _)| {
            &bytes[start as usize..start as usize + length as usize]
        });
        Ok(names)
    }

    fn next(&mut self) -> Option<(&[u8], FileType)> {
        let &(start, length, kind) = self.index.get(self.next)?;
        self.next += 1;
        Some((&self.bytes[start as usize..start as usize + length as usize], kind))
    }
}

struct Level {
    fd: Option<OwnedFd>,
    /// Device and inode, to know the directory again.
    id: (u64, u64),
    names: Names,
    /// Length of the path of the directory, with a slash at its end.
    path: usize,
}

/// A descent under way; [`Descent::path`] is the path of the entry handed out last.
pub(crate) struct Descent {
    levels: Vec<Level>,
    path: Vec<u8>,
}

impl Descent {
    /// Starts in `dir`; paths begin with `prefix`, which ends with a slash unless empty.
    pub(crate) fn new(dir: OwnedFd, prefix: &[u8]) -> io::Result<Self> {
        let mut descent = Self { levels: Vec::new(), path: prefix.to_vec() };
        descent.push(dir, prefix.len())?;
        Ok(descent)
    }

    /// Path of the current entry.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The directory the current entry is in, and where its name starts in the path.
    pub(crate) fn here(&self) -> io::Result<(BorrowedFd<'_>, usize)> {
        let level = self.levels.last().ok_or(Errno::BADF)?;
        let fd = level.fd.as_ref().ok_or(Errno::BADF)?;
        Ok((fd.as_fd(), level.path))
    }

    /// Goes to the next entry; its kind, or `Unknown`.
    pub(crate) fn next(&mut self) -> io::Result<Option<FileType>> {
        while let Some(level) = self.levels.last_mut() {
            self.path.truncate(level.path);
            match level.names.next() {
                Some((name, kind)) => {
                    self.path.extend_from_slice(name);
                    return Ok(Some(kind));
                }
                None => self.pop()?,
            }
        }
        Ok(None)
    }

    /// Goes into the current entry, opened as `dir`.
    pub(crate) fn descend(&mut self, dir: OwnedFd) -> io::Result<()> {
        self.path.push(b'/');
        self.push(dir, self.path.len())
    }

    fn push(&mut self, dir: OwnedFd, path: usize) -> io::Result<()> {
        let stat = fstat(&dir)?;
        let names = Names::read(dir.as_fd())?;
        self.levels.push(Level { fd: Some(dir), id: (stat.st_dev, stat.st_ino), names, path });
        if let Some(far) = self.levels.len().checked_sub(MAX_OPEN + 1) {
            self.levels[far].fd = None;
        }
        Ok(())
    }

    fn pop(&mut self) -> io::Result<()> {
        let Some(child) = self.levels.pop() else { return Ok(()) };
        let Some(parent) = self.levels.last_mut().filter(|parent| parent.fd.is_none()) else { return Ok(()) };
        let fd = openat(child.fd.as_ref().ok_or(Errno::BADF)?, "..", OPEN, Mode::empty())?;
        let stat = fstat(&fd)?;
        if (stat.st_dev, stat.st_ino) != parent.id {
            return Err(io::Error::other("the directory was moved while it was read"));
        }
        parent.fd = Some(fd);
        Ok(())
    }
}
