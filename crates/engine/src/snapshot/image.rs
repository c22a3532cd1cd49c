use std::collections::BTreeMap;

use time::OffsetDateTime;

/// A row of the list of images.
#[derive(Debug, Clone)]
pub struct ImageSummary {
    /// `sha256:…`
    pub id: String,
    /// References in familiar form (`debian:bookworm`).
    pub references: Vec<String>,
    /// When it was made.
    pub created: Option<OffsetDateTime>,
    /// `repository@digest` names it was pulled or pushed by, in familiar form.
    pub repo_digests: Vec<String>,
    /// Bytes of all its layers.
    pub size: u64,
    /// Bytes of those of its layers that other images have, too; known in [`super::DiskUsage`] only.
    pub shared_size: Option<u64>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Containers that use it.
    pub containers: usize,
}
