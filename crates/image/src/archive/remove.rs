//! Removing a tree of any depth and width, with few descriptors and without following anything.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, RenameFlags, openat, renameat_with, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

/// Levels that are held open; deeper directories are moved up first.
const MAX_OPEN: usize = 32;
/// How often a directory that others still write to is emptied again.
const MAX_PASSES: u32 = 16;

struct Level {
    fd: OwnedFd,
    name: CString,
    /// Directories in it, not removed yet.
    subdirs: Vec<CString>,
    passes: u32,
}

/// Removes `name` in `parent`, whatever it is; one that is not there is fine.
pub(crate) fn remove_tree(parent: BorrowedFd<'_>, name: impl Arg) -> io::Result<()> {
    let name = name.into_c_str()?.into_owned();
    if unlink(parent, &name)? {
        return Ok(());
    }
    let mut pending = vec![name];
    while let Some(name) = pending.pop() {
        remove_dir(parent, name, &mut pending)?;
    }
    Ok(())
}

/// Removes what is no directory; false for a directory.
fn unlink(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::ISDIR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes one tree; levels too deep are moved to `base` and left in `pending`.
fn remove_dir(base: BorrowedFd<'_>, name: CString, pending: &mut Vec<CString>) -> io::Result<()> {
    let mut levels = vec![open(base, name)?];
    loop {
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { return Ok(()) };
        match level.subdirs.pop() {
            Some(name) if depth < MAX_OPEN => {
                let next = open(level.fd.as_fd(), name)?;
                levels.push(next);
            }
            Some(name) => pending.push(move_up(level.fd.as_fd(), &name, base)?),
            None => close(base, &mut levels)?,
        }
    }
}

fn open(parent: BorrowedFd<'_>, name: CString) -> io::Result<Level> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(parent, &name, flags, Mode::empty())?;
    let subdirs = empty(fd.as_fd())?;
    Ok(Level { fd, name, subdirs, passes: 0 })
}

/// Removes the directory at the end of `levels`, which has no subdirectory left.
fn close(base: BorrowedFd<'_>, levels: &mut Vec<Level>) -> io::Result<()> {
    let Some(mut level) = levels.pop() else { return Ok(()) };
    let parent = levels.last().map_or(base, |parent| parent.fd.as_fd());
    match unlinkat(parent, &level.name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::NOTEMPTY) if level.passes < MAX_PASSES => {
            level.passes += 1;
            rustix::fs::seek(&level.fd, rustix::fs::SeekFrom::Start(0))?;
            level.subdirs = empty(level.fd.as_fd())?;
            levels.push(level);
            Ok(())
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Removes all files in a directory and lists its directories.
fn empty(fd: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut subdirs = Vec::new();
    let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
    let mut entries = RawDir::new(fd, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        if entry.file_type() == FileType::Directory || !unlink(fd, name)? {
            subdirs.push(name.to_owned());
        }
    }
    Ok(subdirs)
}

/// Moves a directory to a new name in `base`.
fn move_up(from: BorrowedFd<'_>, name: &CStr, base: BorrowedFd<'_>) -> io::Result<CString> {
    for number in 0_u32.. {
        let new = CString::new(format!(".removing-{number}"))?;
        match renameat_with(from, name, base, &new, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            done => return done.map(|()| new).map_err(io::Error::from),
        }
    }
    Err(Errno::EXIST.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::mkdirat;

    use super::*;

    #[test]
    fn files_links_and_nothing_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let base = fs::File::open(dir.path()).unwrap();
        fs::create_dir(dir.path().join("kept")).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        symlink("kept", dir.path().join("link")).unwrap();
        for name in ["file", "link", "none"] {
            remove_tree(base.as_fd(), name).unwrap();
        }
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["kept"]);
    }

    #[test]
    fn a_very_deep_tree_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let base = fs::File::open(dir.path()).unwrap();
        let mut here: OwnedFd = base.try_clone().unwrap().into();
        for _ in 0..400 {
            mkdirat(&here, "d", Mode::from(0o700)).unwrap();
            rustix::fs::symlinkat("/", &here, "l").unwrap();
            here = openat(&here, "d", OFlags::RDONLY, Mode::empty()).unwrap();
        }
        drop(here);
        remove_tree(base.as_fd(), "d").unwrap();
        remove_tree(base.as_fd(), "l").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
