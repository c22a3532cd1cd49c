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
    /// Bytes of all its layers.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Containers that use it.
    pub containers: usize,
}
