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

/// Walks the writable layer; what is below a directory that the image does not have is new without looking.
fn walk(upper: &Path, inside: &Path, lower: &[PathBuf], changes: &mut Vec<Change>) {
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
        let kind = if in_image { ChangeKind::Modified } else { ChangeKind::Added };
        changes.push(Change { path: path.clone(), kind });
        if metadata.is_dir() {
            walk(&entry.path(), &path, lower, changes);
        }
    }
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
