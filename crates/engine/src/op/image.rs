use serde::{Deserialize, Serialize};

/// A base image to make from the host's apt sources.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BootstrapRequest {
    /// Name of the image (`debian:bookworm`).
    pub reference: String,
    /// Debian suite; none is the reference's tag.
    pub suite: Option<String>,
    /// Packages beside the variant's own.
    pub packages: Vec<String>,
    /// Further apt sources, one line each.
    pub extra_sources: Vec<String>,
    /// `minbase` (the default), `essential` or `important`.
    pub variant: Option<String>,
    /// Keep documentation, manual pages and translations.
    pub keep_docs: bool,
    /// Latest modification time in the image, in seconds since 1970.
    pub source_date_epoch: Option<i64>,
}

/// What a bootstrap tells while it goes on; the last one is `Made` or `Failed`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BootstrapProgress {
    /// A line of the tool's output.
    Line {
        /// The line.
        line: String,
    },
    /// The image is there.
    Made {
        /// Its id.
        id: String,
    },
    /// There is no image.
    Failed {
        /// Why.
        error: Problem,
    },
}

impl BootstrapProgress {
    pub(crate) fn failed(message: String) -> Self {
        Self::Failed { error: Problem { message } }
    }
}

/// Why work that was told line by line failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The reason with its causes.
    pub message: String,
}

/// What the removal of an image did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageRemoval {
    /// The name was taken off.
    Untagged(String),
    /// The image or layer of this id is gone.
    Deleted(String),
}
