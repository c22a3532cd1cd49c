//! Going through the merged tree one component at a time.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::archive::{is_opaque, is_whiteout};

/// As many links as the kernel follows in one path.
const MAX_LINKS: u32 = 40;
/// Bound on what links may expand a path to, in components.
const MAX_COMPONENTS: usize = 4096;

/// One layer's part of a directory.
#[derive(Debug)]
pub(super) struct Part {
    fd: OwnedFd,
    host_path: PathBuf,
}

impl Part {
    fn try_clone(&self) -> Result<Self, Errno> {
        let fd = openat(&self.fd, ".", dir_flags(), Mode::empty())?;
        Ok(Self { fd, host_path: self.host_path.clone() })
    }
}

fn dir_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// A directory of the merged tree: the layers' parts of it, top first; never empty.
#[derive(Debug)]
pub(super) struct Merged {
    parts: Vec<Part>,
    stat: Stat,
}

/// What a name in the merged tree is.
#[derive(Debug)]
pub(super) enum Found {
    Directory(Merged),
    /// Anything else, in the directory of the layer that has it.
    Other {
        dir: Part,
        name: OsString,
        stat: Stat,
    },
}

impl Found {
    pub(super) fn stat(&self) -> &Stat {
        match self {
            Self::Directory(merged) => &merged.stat,
            Self::Other { stat, .. } => stat,
        }
    }

    pub(super) fn host_path(&self) -> PathBuf {
        match self {
            Self::Directory(merged) => merged.parts[0].host_path.clone(),
            Self::Other { dir, name, .. } => dir.host_path.join(name),
        }
    }

    /// The text of a symbolic link.
    pub(super) fn link(&self) -> Result<PathBuf, Errno> {
        match self {
            Self::Directory(_) => Err(Errno::INVAL),
            Self::Other { dir, name, .. } => {
                let text = readlinkat(&dir.fd, name, Vec::new())?.into_bytes();
                Ok(OsString::from_vec(text).into())
            }
        }
    }

    /// Opens a regular file for reading.
    pub(super) fn open(&self) -> Result<OwnedFd, Errno> {
        match self {
            Self::Directory(_) => Err(Errno::ISDIR),
            Self::Other { dir, name, .. } => {
                let flags =
                    OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                openat(&dir.fd, name, flags, Mode::empty())
            }
        }
    }
}

impl Merged {
    fn of(parts: Vec<Part>) -> Result<Self, Errno> {
        let stat = fstat(&parts.first().ok_or(Errno::NOENT)?.fd)?;
        Ok(Self { parts, stat })
    }

    /// The topmost part, which has the directory's attributes.
    pub(super) fn top(&self) -> &OwnedFd {
        &self.parts[0].fd
    }

    pub(super) fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Looks a name up in every layer's part, as overlayfs does.
    pub(super) fn get(&self, name: &OsStr) -> Result<Found, Errno> {
        let mut parts = Vec::new();
        for part in &self.parts {
            let stat = match statat(&part.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                if parts.is_empty() && !is_whiteout(&stat) {
                    return Ok(Found::Other { dir: part.try_clone()?, name: name.to_owned(), stat });
                }
                break;
            }
            let fd = openat(&part.fd, name, dir_flags(), Mode::empty())?;
            let opaque = is_opaque(fd.as_fd())?;
            parts.push(Part { fd, host_path: part.host_path.join(name) });
            if opaque {
                break;
            }
        }
        Self::of(parts).map(Found::Directory)
    }

    /// Merged and sorted.
    pub(super) fn names(&self) -> Result<Vec<OsString>, Errno> {
        let mut seen: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
        for part in &self.parts {
            let dir = part.try_clone()?;
            let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
            let mut entries = RawDir::new(&dir.fd, &mut buffer);
            while let Some(entry) = entries.next() {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." || seen.contains_key(name) {
                    continue;
                }
                let maybe = matches!(entry.file_type(), FileType::CharacterDevice | FileType::Unknown);
                let gone = maybe && is_whiteout(&statat(&part.fd, name, AtFlags::SYMLINK_NOFOLLOW)?);
                seen.insert(name.to_vec(), !gone);
            }
        }
        Ok(seen.into_iter().filter(|(_, there)| *there).map(|(name, _)| OsString::from_vec(name)).collect())
    }
}

/// A look-up under way.
pub(super) struct Walk {
    /// The layers' own directories.
    root: Vec<Part>,
    /// Names of the directories gone through.
    names: Vec<OsString>,
    rest: VecDeque<OsString>,
    links: u32,
}

impl Walk {
    pub(super) fn new(dirs: &[PathBuf]) -> Result<Self, Errno> {
        let open = |path: &PathBuf| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Part { fd: openat(CWD, path, flags, Mode::empty())?, host_path: path.clone() })
        };
        let root = dirs.iter().map(open).collect::<Result<_, Errno>>()?;
        Ok(Self { root, names: Vec::new(), rest: VecDeque::new(), links: 0 })
    }

    /// Follows `path` to its end; a last link only if `follow`.
    pub(super) fn find(&mut self, path: &Path, follow: bool) -> Result<Found, Errno> {
        self.prepend(path)?;
        let mut here = self.top()?;
        while let Some(name) = self.rest.pop_front() {
            if name == ".." {
                self.names.pop();
                here = self.down()?;
                continue;
            }
            let last = self.rest.is_empty();
            match here.get(&name)? {
                Found::Directory(merged) => {
                    self.names.push(name);
                    here = merged;
                }
                found
                    if FileType::from_raw_mode(found.stat().st_mode) == FileType::Symlink
                        && (follow || !last) =>
                {
                    here = self.follow(&found.link()?, here)?;
                }
                found if last => return Ok(found),
                _ => return Err(Errno::NOTDIR),
            }
        }
        Ok(Found::Directory(here))
    }

    /// The path of what was found.
    pub(super) fn path(&self, found: &Found) -> PathBuf {
        let dir = self.names.iter().fold(PathBuf::from("/"), |path, name| path.join(name));
        match found {
            Found::Directory(_) => dir,
            Found::Other { name, .. } => dir.join(name),
        }
    }

    fn follow(&mut self, target: &Path, here: Merged) -> Result<Merged, Errno> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::LOOP);
        }
        self.prepend(target)?;
        if !target.has_root() {
            return Ok(here);
        }
        self.names.clear();
        self.top()
    }

    fn prepend(&mut self, path: &Path) -> Result<(), Errno> {
        let names = path.as_os_str().as_bytes().split(|&byte| byte == b'/');
        for name in names.rev().filter(|name| !name.is_empty() && *name != b".") {
            self.rest.push_front(OsString::from_vec(name.to_vec()));
        }
        if self.rest.len() > MAX_COMPONENTS { Err(Errno::NAMETOOLONG) } else { Ok(()) }
    }

    /// The root of the merged tree. A layer's own root is never opaque.
    fn top(&self) -> Result<Merged, Errno> {
        Merged::of(self.root.iter().map(Part::try_clone).collect::<Result<_, Errno>>()?)
    }

    /// Goes down again to the directory that `names` leads to.
    fn down(&self) -> Result<Merged, Errno> {
        let mut here = self.top()?;
        for name in &self.names {
            here = match here.get(name)? {
                Found::Directory(merged) => merged,
                Found::Other { .. } => return Err(Errno::NOTDIR),
            };
        }
        Ok(here)
    }
}
