//! The files of a layer, and what the layers above do to those below.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::Waste;
use crate::StoreError;
use crate::archive::is_opaque;

/// A regular file.
pub(super) struct File {
    /// Relative to the root.
    pub(super) path: PathBuf,
    pub(super) size: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// The layer takes the name away, with all that is below it.
    Gone,
    /// The layer has a directory that hides what the layers below have in it.
    Opaque,
    /// The layer has something else than a directory.
    Other,
}

/// What a layer has.
#[derive(Default)]
pub(super) struct Found {
    files: Vec<File>,
    marks: Vec<(PathBuf, Mark)>,
}

impl Found {
    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }
}

/// Everything in a layer's directory; a file with several names counts once.
pub(super) fn files(root: &Path) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut links = HashSet::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(inside) = pending.pop() {
        let dir = root.join(&inside);
        let failed = |source| StoreError::io("read", &dir, source);
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let meta = entry.metadata().map_err(failed)?;
            let path = inside.join(entry.file_name());
            let kind = meta.file_type();
            if kind.is_dir() {
                let opened = fs::File::open(entry.path()).map_err(failed)?;
                if is_opaque(opened.as_fd()).map_err(|errno| failed(errno.into()))? {
                    found.marks.push((path.clone(), Mark::Opaque));
                }
                pending.push(path);
                continue;
            }
            let gone = kind.is_char_device() && meta.rdev() == 0;
            found.marks.push((path.clone(), if gone { Mark::Gone } else { Mark::Other }));
            if kind.is_file() && (meta.nlink() == 1 || links.insert(meta.ino())) {
                found.files.push(File { path, size: meta.len() });
            }
        }
    }
    Ok(found)
}

/// What the layers above a layer say.
#[derive(Default)]
pub(super) struct Above {
    /// With the number of the layer, from 1.
    marks: HashMap<PathBuf, (Mark, usize)>,
}

impl Above {
    pub(super) fn add(&mut self, found: Found, layer: usize) {
        for (path, mark) in found.marks {
            self.marks.insert(path, (mark, layer));
        }
    }

    /// Why a file below is not seen in the image, and the lowest layer that hides it.
    pub(super) fn hides(&self, path: &Path) -> Option<(Waste, usize)> {
        match self.marks.get(path) {
            Some((Mark::Gone, layer)) => return Some((Waste::DeletedLater, *layer)),
            Some((Mark::Other, layer)) => return Some((Waste::ReplacedLater, *layer)),
            Some((Mark::Opaque, _)) | None => {}
        }
        let parent = path.ancestors().skip(1).find_map(|parent| self.marks.get(parent));
        parent.map(|(_, layer)| (Waste::DeletedLater, *layer))
    }
}
