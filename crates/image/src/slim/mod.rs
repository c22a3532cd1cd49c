//! What the bytes of an image are, and which change of its Dockerfile would save them.

mod sort;
mod walk;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use sort::Waste;
use walk::{Above, File, files};

use crate::{Digest, Image, Store, StoreError};

/// Files below this size are not compared with each other, in bytes.
const DUPLICATE_MIN: u64 = 4096;
/// Paths shown for each finding.
const EXAMPLES: usize = 3;

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Its id.
    pub layer: String,
    /// The step that made it, as its history says.
    pub step: String,
    /// Bytes of its files.
    pub size: u64,
    /// What could be saved, the largest first. A file counts once.
    pub findings: Vec<Finding>,
}

/// Bytes of one kind in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What they are.
    pub waste: Waste,
    /// The layer that deletes or replaces them, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_layer: Option<usize>,
    /// How many bytes.
    pub bytes: u64,
    /// In how many files.
    pub files: u64,
    /// The largest of them.
    pub examples: Vec<String>,
    /// What to change in the Dockerfile.
    pub advice: String,
}

impl Store {
    /// Looks at every file of an image, layer by layer, lowest first.
    pub fn slim(&self, image: &Image) -> Result<Vec<LayerReport>, StoreError> {
        let steps: Vec<String> = image
            .config
            .history
            .iter()
            .filter(|entry| !entry.empty_layer)
            .map(|entry| entry.created_by.clone().or_else(|| entry.comment.clone()).unwrap_or_default())
            .collect();
        let mut above = Above::default();
        let mut seen = HashMap::new();
        let mut reports = Vec::new();
        for (at, id) in image.layers.iter().enumerate().rev() {
            let root = self.layer_path(id);
            let found = files(&root)?;
            let mut findings: HashMap<(Waste, Option<usize>), Vec<&File>> = HashMap::new();
            for file in found.files() {
                let hidden = above.hides(&file.path);
                let waste =
                    hidden.map(|(waste, _)| waste).or_else(|| sort::by_path(&file.path)).or_else(|| {
                        let digest = content(&root, file)?;
                        seen.insert((file.size, digest), ()).map(|()| Waste::Duplicate)
                    });
                if let Some(waste) = waste {
                    findings.entry((waste, hidden.map(|(_, layer)| layer))).or_default().push(file);
                }
            }
            let mut findings: Vec<Finding> =
                findings.into_iter().map(|((waste, by), files)| finding(waste, by, files)).collect();
            findings.sort_by_key(|finding| std::cmp::Reverse(finding.bytes));
            let size = found.files().map(|file| file.size).sum();
            let step = steps.get(at).cloned().unwrap_or_default();
            reports.push(LayerReport { layer: id.to_string(), step, size, findings });
            above.add(found, at + 1);
        }
        reports.reverse();
        Ok(reports)
    }
}

/// What a file contains, when it is worth comparing.
fn content(root: &std::path::Path, file: &File) -> Option<Digest> {
    use sha2::Digest as _;
    if file.size < DUPLICATE_MIN {
        return None;
    }
    let mut hasher = sha2::Sha256::new();
    let mut from = std::fs::File::open(root.join(&file.path)).ok()?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match std::io::Read::read(&mut from, &mut buffer).ok()? {
            0 => return Some(Digest::from_bytes(hasher.finalize().into())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn finding(waste: Waste, by_layer: Option<usize>, mut files: Vec<&File>) -> Finding {
    files.sort_by_key(|file| std::cmp::Reverse(file.size));
    Finding {
        waste,
        by_layer,
        bytes: files.iter().map(|file| file.size).sum(),
        files: files.len() as u64,
        examples: files.iter().take(EXAMPLES).map(|file| format!("/{}", file.path.display())).collect(),
        advice: waste.advice().to_owned(),
    }
}
