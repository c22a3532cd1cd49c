//! What can go wrong between here and a registry.

use std::path::PathBuf;

use image::manifest::MAX_DOCUMENT;
use image::{Digest, ImportError, PutImageError, ResolveError, SaveError, StoreError};

/// Why something did not come from or go to a registry; the store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No connection, or it broke before an answer.
    #[error("cannot reach {host}")]
    Connect {
        /// Host and port.
        host: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer in time.
    #[error("{host} did not answer within {seconds} seconds")]
    Timeout {
        /// Host and port.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// The registry answered with an error.
    #[error("{host} answered {status} when asked for {what}{}", detail(message))]
    Status {
        /// Host and port.
        host: String,
        /// What was wanted.
        what: String,
        /// The code.
        status: u16,
        /// Its own words; may be empty.
        message: String,
    },
    /// The registry wants to know who asks, or does not let this user do it.
    #[error(
        "{host} refuses access to {what}{}; run `berth login {host}` with an account that may use it",
        detail(message)
    )]
    Denied {
        /// Host and port.
        host: String,
        /// The repository.
        what: String,
        /// Its own words; may be empty.
        message: String,
    },
    /// There is no such image.
    #[error("{what} does not exist at {host}, or access to it needs `berth login {host}`")]
    NotFound {
        /// Host and port.
        host: String,
        /// The image.
        what: String,
    },
    /// Each answer sends on to another place.
    #[error("{host} redirects more than {limit} times when asked for {what}")]
    Redirects {
        /// Host and port first asked.
        host: String,
        /// What was wanted.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// An answer that does not follow the protocol.
    #[error("{host} does not speak the registry protocol: {reason}")]
    Protocol {
        /// Host and port.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// A document that does not parse.
    #[error("{host} sent {what} that is not valid")]
    Document {
        /// Host and port.
        host: String,
        /// `a manifest`, `a token`.
        what: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A document that is too long to be one.
    #[error("{host} sent {what} of more than {MAX_DOCUMENT} bytes")]
    TooLong {
        /// Host and port.
        host: String,
        /// What was wanted.
        what: String,
    },
    /// Content that is not what was asked for.
    #[error("{host} sent {what} with digest {found}, expected {expected}; the content is not used")]
    Digest {
        /// Host and port.
        host: String,
        /// What was wanted.
        what: String,
        /// As asked for.
        expected: Digest,
        /// As it came.
        found: Digest,
    },
    /// A blob that ended early again and again.
    #[error("{host} sent only {got} of {size} bytes of layer {digest} in {attempts} attempts")]
    Short {
        /// Host and port.
        host: String,
        /// The blob.
        digest: Digest,
        /// Bytes that came.
        got: u64,
        /// Bytes it should have.
        size: u64,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        #[source]
        source: Option<Box<RegistryError>>,
    },
    /// A blob that is longer than its manifest says.
    #[error("{host} sent more than the {size} bytes that layer {digest} should have")]
    Long {
        /// Host and port.
        host: String,
        /// The blob.
        digest: Digest,
        /// Bytes it should have.
        size: u64,
    },
    /// Docker's first manifest format.
    #[error(
        "{host} has {what} only in Docker's schema 1, which names no contents and is not supported; \
         push it again with a Docker newer than 1.10"
    )]
    Schema1 {
        /// Host and port.
        host: String,
        /// The image.
        what: String,
    },
    /// No image for this platform.
    #[error("{what} has no image for {wanted}, only for {found}")]
    Platform {
        /// The image.
        what: String,
        /// The platform.
        wanted: String,
        /// Those there are.
        found: String,
    },
    /// A manifest whose parts do not fit each other.
    #[error(
        "the manifest of {what} does not fit its configuration: {layers} layers, but {diff_ids} contents"
    )]
    Layers {
        /// The image.
        what: String,
        /// In the manifest.
        layers: usize,
        /// In the configuration.
        diff_ids: usize,
    },
    /// Not an image, but something else that registries keep.
    #[error("{what} is not a container image: its configuration has the type {found}")]
    NotAnImage {
        /// The reference.
        what: String,
        /// The media type.
        found: String,
    },
    /// A layer could not be unpacked.
    #[error("layer {digest}")]
    Layer {
        /// Its blob.
        digest: Digest,
        /// What is wrong.
        #[source]
        source: Box<ImportError>,
    },
    /// A layer could not be read from the store.
    #[error(transparent)]
    Save(Box<SaveError>),
    /// The image is not here.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The image could not be stored.
    #[error(transparent)]
    Put(Box<PutImageError>),
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting that cannot be used.
    #[error("{}: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An address that is none.
    #[error("{0:?} is not an http or https address")]
    Address(String),
    /// Certificates that cannot be used.
    #[error("cannot use the certificates for TLS: {0}")]
    Certificates(String),
    /// The name has no tag, and by its digest nothing can be pushed.
    #[error("{0} cannot be pushed: give a name with a tag")]
    PushByDigest(String),
    /// Nobody waits for it any more.
    #[error("the transfer was given up")]
    Cancelled,
}

impl From<SaveError> for RegistryError {
    fn from(error: SaveError) -> Self {
        Self::Save(Box::new(error))
    }
}

impl From<PutImageError> for RegistryError {
    fn from(error: PutImageError) -> Self {
        Self::Put(Box::new(error))
    }
}

/// The registry's own words after a colon.
fn detail(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl RegistryError {
    /// Whether trying again may help.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }
}
