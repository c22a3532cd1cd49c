//! Mount points that a container left in a layer.
//!
//! What is mounted in a container needs something to be mounted on, which the runtime makes where the image has nothing.
//! It is empty, and it is no part of what the command did.

use std::io;
use std::path::{Path, PathBuf};

use crate::tree::{Entry, EntryKind, Tree};

/// What every container has.
const USUAL: [&str; 6] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev", "/proc", "/sys"];

/// Removes from `upper` the empty mount points that `base` does not have, and the directories that are there for them
/// alone.
pub(super) fn remove<'a>(
    base: &Tree,
    upper: &Path,
    targets: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    let own = Tree::plain(upper)?;
    for target in targets.chain(USUAL) {
        let mut path = match base.resolve(Path::new(target), true) {
            Ok(resolved) => resolved.path,
            Err(_) => continue,
        };
        while !path.as_os_str().is_empty() && remove_one(base, &own, upper, &path)? {
            path = path.parent().map(PathBuf::from).unwrap_or_default();
        }
    }
    Ok(())
}

/// Removes a path that is empty and adds nothing to the image; tells whether it did.
fn remove_one(base: &Tree, own: &Tree, upper: &Path, path: &Path) -> io::Result<bool> {
    let Ok(here) = own.resolve(path, false) else { return Ok(false) };
    let Some(entry) = here.entry.filter(|_| here.path == path) else { return Ok(false) };
    let below = base.resolve(path, false)?.entry;
    match (&entry.kind, below) {
        (EntryKind::File, None) if entry.size == 0 => std::fs::remove_file(upper.join(path)).map(|()| true),
        (EntryKind::Directory, below) if below.as_ref().is_none_or(|below| same(below, &entry)) => {
            let empty = here
                .directory
                .map(|directory| directory.names())
                .transpose()?
                .is_some_and(|names| names.is_empty());
            if empty { std::fs::remove_dir(upper.join(path)).map(|()| true) } else { Ok(false) }
        }
        _ => Ok(false),
    }
}

/// Whether a directory is only a copy of the one below.
fn same(below: &Entry, entry: &Entry) -> bool {
    entry.is_directory() && (below.mode, below.uid, below.gid) == (entry.mode, entry.uid, entry.gid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_empty_mount_points_go() {
        let dir = tempfile::tempdir().unwrap();
        let (base, upper) = (dir.path().join("base"), dir.path().join("upper"));
        for path in ["base/etc", "upper/etc", "upper/proc", "upper/sys/kept", "upper/x/y"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        for path in ["etc/hosts", "etc/resolv.conf"] {
            fs::write(upper.join(path), "").unwrap();
        }
        let tree = Tree::overlay(&[base]).unwrap();
        remove(&tree, &upper, ["/x/y"].into_iter()).unwrap();
        let left: Vec<_> = fs::read_dir(&upper).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["sys"]);
    }
}
