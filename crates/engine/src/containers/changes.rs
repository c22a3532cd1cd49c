//! How a container's files differ from its image.

use crate::{
    Engine,
    error::EngineError,
    op::{Change, ChangeKind},
};
use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

impl Engine {
    /// Added, changed and deleted paths, sorted.
    pub async fn changes(&self, reference: &str) -> Result<Vec<Change>, EngineError> {
        let snapshot = self.inspect(reference, false).await?;
        self.blocking(move |_| {
            let mut changes = Vec::new();
            walk(&snapshot.upper_dir, Path::new("/"), &snapshot.lower_dirs, &mut changes);
            changes.sort();
            Ok(changes)
        })
        .await
    }
}

/// Where the runtime mounts something into every container. What it makes there to mount on is no change of the
/// container's.
const MOUNT_POINTS: [&str; 6] = ["/dev", "/proc", "/sys", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// Whether a new path is an empty one that was made to mount on.
fn is_mount_point(path: &Path, real: &Path, metadata: &fs::Metadata) -> bool {
    MOUNT_POINTS.iter().any(|point| path == Path::new(point))
        && if metadata.is_dir() {
            fs::read_dir(real).is_ok_and(|mut entries| entries.next().is_none())
        } else {
            metadata.is_file() && metadata.len() == 0
        }
}

/// Walks the writable layer; what is below a directory that the image does not have is new without looking.
/// Tells whether something was passed over.
fn walk(upper: &Path, inside: &Path, lower: &[PathBuf], changes: &mut Vec<Change>) -> bool {
    let mut hidden = false;
    for entry in fs::read_dir(upper).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let path = inside.join(entry.file_name());
        let in_image = exists_below(lower, &path);
        if metadata.file_type().is_char_device() && metadata.rdev() == 0 {
            if in_image {
                changes.push(Change { path, kind: ChangeKind::Deleted });
            }
            continue;
        }
        if !in_image && is_mount_point(&path, &entry.path(), &metadata) {
            hidden = true;
            continue;
        }
        let before = changes.len();
        let only_hidden = metadata.is_dir() && walk(&entry.path(), &path, lower, changes);
        if !(only_hidden && changes.len() == before) {
            let kind = if in_image { ChangeKind::Modified } else { ChangeKind::Added };
            changes.push(Change { path, kind });
        }
    }
    hidden
}

/// Whether the topmost layer that says anything about a path has it.
fn exists_below(lower: &[PathBuf], path: &Path) -> bool {
    let relative = path.strip_prefix("/").unwrap_or(path);
    for layer in lower {
        if let Ok(metadata) = fs::symlink_metadata(layer.join(relative)) {
            return !(metadata.file_type().is_char_device() && metadata.rdev() == 0);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runtime_mounts_on_is_no_change() {
        let (upper, lower) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(lower.path().join("etc")).unwrap();
        for dir in ["etc", "proc", "sys", "new"] {
            fs::create_dir(upper.path().join(dir)).unwrap();
        }
        fs::write(upper.path().join("etc/hosts"), "").unwrap();
        let changes = || {
            let mut changes = Vec::new();
            walk(upper.path(), Path::new("/"), &[lower.path().to_owned()], &mut changes);
            changes.sort();
            changes.iter().map(|change| change.path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(changes(), ["/new"]);
        fs::write(upper.path().join("etc/passwd"), "root").unwrap();
        assert_eq!(changes(), ["/etc", "/etc/passwd", "/new"]);
    }
}
