//! Writing a plan to the upper directory of a new layer.
//!
//! Assumptions: the upper directory is empty and nobody else writes to it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use beneath::Root;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};

use super::TransferError;
use super::digest::Facts;
use super::plan::{Attributes, Content, Planned};
use super::workers::{self, BUFFER};
use crate::request::Cancel;
use crate::tree::{Entry, EntryKind, Tree};

/// Where and for when a plan is written.
pub(crate) struct Writer<'a> {
    /// The upper directory.
    pub(crate) upper: Root,
    /// The source trees that the plan refers to.
    pub(crate) trees: &'a [&'a Tree],
    /// Time of what the build itself makes, in seconds since 1970.
    pub(crate) now: i64,
    /// Stops the work.
    pub(crate) cancel: &'a Cancel,
}

type Job<'a> = (&'a Planned, Option<&'a Facts>);

impl Writer<'_> {
    /// Writes everything; `facts` has one item for each path of `plan`.
    pub(crate) fn run(&self, plan: &[Planned], facts: &[Option<Facts>]) -> Result<(), TransferError> {
        let jobs: Vec<Job<'_>> =
            plan.iter().zip(facts).map(|(planned, facts)| (planned, facts.as_ref())).collect();
        let (directories, rest): (Vec<Job<'_>>, Vec<_>) =
            jobs.into_iter().partition(|(planned, _)| matches!(planned.content, Content::Directory { .. }));
        let (links, files): (Vec<Job<'_>>, Vec<_>) =
            rest.into_iter().partition(|(planned, _)| matches!(planned.content, Content::HardLink { .. }));
        for (planned, _) in &directories {
            self.written(planned, self.make_directory(planned))?;
        }
        workers::each(
            &files,
            self.cancel,
            || TransferError::Cancelled,
            |(planned, facts), buffer| self.file(planned, *facts, buffer),
        )?;
        for (planned, _) in &links {
            self.written(planned, self.link(planned))?;
        }
        for (planned, facts) in directories.iter().rev() {
            self.written(planned, self.finish_directory(planned, *facts))?;
        }
        Ok(())
    }

    fn written<T>(&self, planned: &Planned, result: io::Result<T>) -> Result<T, TransferError> {
        result.map_err(|source| TransferError::Write { path: Path::new("/").join(&planned.target), source })
    }

    fn make_directory(&self, planned: &Planned) -> io::Result<()> {
        let parent = self.upper.parent(&planned.target).map_err(|error| error.source)?;
        Ok(rustix::fs::mkdirat(&parent.dir, &parent.name, Mode::RWXU)?)
    }

    fn finish_directory(&self, planned: &Planned, facts: Option<&Facts>) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let directory =
            self.upper.open_at(&planned.target, flags, Mode::empty()).map_err(|error| error.source)?;
        self.attributes(&directory, &planned.attributes, facts)
    }

    fn link(&self, planned: &Planned) -> io::Result<()> {
        let Content::HardLink { to, .. } = &planned.content else { return Ok(()) };
        let from = self.upper.parent(to).map_err(|error| error.source)?;
        let at = self.upper.parent(&planned.target).map_err(|error| error.source)?;
        Ok(rustix::fs::linkat(&from.dir, &from.name, &at.dir, &at.name, AtFlags::empty())?)
    }

    fn file(&self, planned: &Planned, facts: Option<&Facts>, buffer: &mut [u8]) -> Result<(), TransferError> {
        match &planned.content {
            Content::File(entry) => self.copy(planned, entry, facts, buffer),
            Content::Text(text) => self.written(planned, self.text(planned, text)),
            Content::Special(entry) => self.written(planned, self.special(planned, entry)),
            Content::Directory { .. } | Content::HardLink { .. } => Ok(()),
        }
    }

    fn create(&self, target: &PathBuf) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(File::from(self.upper.open_at(target, flags, mode).map_err(|error| error.source)?))
    }

    fn text(&self, planned: &Planned, text: &[u8]) -> io::Result<()> {
        let mut file = self.create(&planned.target)?;
        file.write_all(text)?;
        self.attributes(&OwnedFd::from(file), &planned.attributes, None)
    }

    fn copy(
        &self,
        planned: &Planned,
        entry: &Entry,
        facts: Option<&Facts>,
        buffer: &mut [u8],
    ) -> Result<(), TransferError> {
        let unread = |source| TransferError::Read { path: entry.path.clone(), source };
        let tree = self.trees.get(planned.tree).ok_or_else(|| unread(io::ErrorKind::NotFound.into()))?;
        let mut from = File::from(tree.open(entry).map_err(unread)?);
        let mut to = self.written(planned, self.create(&planned.target))?;
        if entry.size < BUFFER as u64 {
            copy_small(&mut from, &mut to, entry, buffer).map_err(|error| match error {
                Side::Read(source) => unread(source),
                Side::Write(source) => {
                    TransferError::Write { path: Path::new("/").join(&planned.target), source }
                }
            })?;
        } else {
            self.written(planned, io::copy(&mut from, &mut to))?;
        }
        if !unchanged(&from, entry).map_err(unread)? {
            return Err(TransferError::Changed { path: entry.path.clone() });
        }
        self.written(planned, self.attributes(&OwnedFd::from(to), &planned.attributes, facts))
    }

    fn special(&self, planned: &Planned, entry: &Entry) -> io::Result<()> {
        let parent = self.upper.parent(&planned.target).map_err(|error| error.source)?;
        let (dir, name) = (&parent.dir, &parent.name);
        match &entry.kind {
            EntryKind::Symlink(to) => rustix::fs::symlinkat(to, dir, name)?,
            EntryKind::Device(kind, number) => rustix::fs::mknodat(dir, name, *kind, Mode::empty(), *number)?,
            _ => rustix::fs::mknodat(dir, name, FileType::Fifo, Mode::empty(), 0)?,
        }
        let Attributes { uid, gid, mode, .. } = planned.attributes;
        let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::chownat(dir, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
        if !matches!(entry.kind, EntryKind::Symlink(_)) {
            rustix::fs::chmodat(dir, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
        }
        let times = self.times(&planned.attributes);
        Ok(rustix::fs::utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Owner first: changing it takes set-user-id bits and capabilities away.
    fn attributes(&self, file: &OwnedFd, to: &Attributes, facts: Option<&Facts>) -> io::Result<()> {
        let file = file.as_fd();
        if (to.uid, to.gid) != (0, 0) || !rustix::process::geteuid().is_root() {
            rustix::fs::fchown(file, Some(Uid::from_raw(to.uid)), Some(Gid::from_raw(to.gid)))?;
        }
        rustix::fs::fchmod(file, Mode::from_raw_mode(to.mode))?;
        for (name, value) in facts.map_or(&[][..], |facts| &facts.xattrs) {
            rustix::fs::fsetxattr(file, name.as_os_str(), value, XattrFlags::empty())?;
        }
        Ok(rustix::fs::futimens(file, &self.times(to))?)
    }

    fn times(&self, attributes: &Attributes) -> Timestamps {
        let (tv_sec, tv_nsec) = attributes.mtime.unwrap_or((self.now, 0));
        let time = Timespec { tv_sec, tv_nsec };
        Timestamps { last_access: time, last_modification: time }
    }
}

/// Which side of a copy failed.
enum Side {
    Read(io::Error),
    Write(io::Error),
}

/// Copies a file that fits the buffer with as few system calls as possible.
fn copy_small(from: &mut File, to: &mut File, entry: &Entry, buffer: &mut [u8]) -> Result<(), Side> {
    let mut left = entry.size;
    while left > 0 {
        let length = from.read(buffer).map_err(Side::Read)?;
        if length == 0 {
            break;
        }
        to.write_all(&buffer[..length]).map_err(Side::Write)?;
        left = left.saturating_sub(length as u64);
    }
    Ok(())
}

/// Whether a file is still what it was when the tree was walked.
fn unchanged(file: &File, entry: &Entry) -> io::Result<bool> {
    let stat = rustix::fs::fstat(file)?;
    let (mtime, ctime) =
        ((stat.st_mtime, stat.st_mtime_nsec as i64), (stat.st_ctime, stat.st_ctime_nsec as i64));
    Ok(u64::try_from(stat.st_size) == Ok(entry.size) && mtime == entry.mtime && ctime == entry.ctime)
}
