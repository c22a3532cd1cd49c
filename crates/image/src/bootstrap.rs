//! Base images without a registry: `mmdebstrap` on the machine's own apt sources.

use std::sync::Arc;

use crate::{CommitError, Image, ImportError, PutImageError, Reference, Store};

/// Which packages a bootstrapped image starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variant {
    /// dpkg's essential packages and `apt`.
    #[default]
    MinBase,
    /// Essential packages alone, without `apt`.
    Essential,
    /// What `apt` needs, plus every package of priority required and important.
    Important,
}

/// What to bootstrap.
#[derive(Debug, Clone)]
pub struct BootstrapOptions {
    /// Name of the image.
    pub reference: Reference,
    /// Debian suite (`bookworm`).
    pub suite: String,
    /// Packages beside the variant's own.
    pub packages: Vec<String>,
    /// Further apt sources, as one-line entries (`deb [signed-by=…] uri suite component…`).
    pub extra_sources: Vec<String>,
    /// The package set to start with.
    pub variant: Variant,
    /// Keep documentation, manual pages and translations, which are left out by default.
    pub keep_docs: bool,
    /// Latest modification time in the image, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub source_date_epoch: Option<i64>,
}

/// Why no base image was made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The program is not installed.
    #[error("mmdebstrap is not installed; install it with: apt-get install mmdebstrap")]
    MissingTool,
    /// No Debian source of this machine serves the suite.
    #[error("none of this machine's apt sources serves the Debian suite {suite:?}{}", served_hint(served))]
    SuiteNotServed {
        /// The suite asked for.
        suite: String,
        /// The suites that are served.
        served: Vec<String>,
    },
    /// The tool failed.
    #[error("mmdebstrap failed with {status}:\n{output}")]
    Failed {
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The last lines it wrote.
        output: String,
    },
    /// A file of the machine's apt configuration could not be read, or the tool could not be run.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The tree could not be stored.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The layer could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The image could not be stored.
    #[error(transparent)]
    PutImage(#[from] PutImageError),
}

fn served_hint(served: &[String]) -> String {
    if served.is_empty() {
        " (no Debian sources found)".into()
    } else {
        format!(" (served: {})", served.join(", "))
    }
}

impl BootstrapOptions {
    /// Defaults for a reference: the suite is its tag (`debian:bookworm`).
    pub fn new(reference: Reference) -> Self {
        let suite = reference.tag().unwrap_or_default().trim_end_matches("-slim").to_owned();
        Self {
            reference,
            suite,
            packages: Vec::new(),
            extra_sources: Vec::new(),
            variant: Variant::default(),
            keep_docs: false,
            source_date_epoch: None,
        }
    }
}

/// Makes a Debian base image and tags it; `progress` gets one line at a time. Blocks for tens of seconds.
pub fn bootstrap(
    store: &Store,
    options: &BootstrapOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Arc<Image>, BootstrapError> {
    let _ = (store, options, progress);
    todo!()
}
