//! Names of images, normalised as Docker does.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, DigestError};

/// A normalised image name: registry, repository, and a tag or digest (or both).
///
/// `Display` writes the full form (`docker.io/library/debian:bookworm`); [`Reference::familiar`] the one users type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing was given.
    #[error("the image reference is empty")]
    Empty,
    /// The repository contains upper-case letters.
    #[error("invalid reference {0:?}: the repository name must be lower case")]
    UpperCase(String),
    /// 64 hexadecimal digits name an image id, not a repository.
    #[error("invalid repository name {0:?}: 64 hexadecimal digits are an image id")]
    LooksLikeId(String),
    /// Longer than 255 characters without the tag.
    #[error("invalid reference: the repository name of {0} characters is longer than 255")]
    TooLong(usize),
    /// Anything else the grammar does not allow.
    #[error("invalid reference format: {0:?}")]
    Format(String),
    /// The tag does not follow the grammar.
    #[error(
        "invalid tag {0:?}: expected up to 128 letters, digits, '_', '.' and '-', not starting with '.' or '-'"
    )]
    Tag(String),
    /// The digest after `@` does not parse.
    #[error("invalid digest in reference {reference:?}")]
    Digest {
        /// The whole reference.
        reference: String,
        /// What is wrong with the digest.
        #[source]
        source: DigestError,
    },
}

impl Reference {
    /// Parses and normalises; without tag and digest the tag is `latest`.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let _ = text;
        todo!()
    }

    /// The registry (`docker.io`, `localhost:5000`).
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry (`library/debian`).
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag; `None` only when a digest was given without one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest, when given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The form users type: without `docker.io/` and `library/`, with the tag.
    pub fn familiar(&self) -> String {
        todo!()
    }

    /// The familiar form of the repository alone (`debian`, `localhost:5000/app`).
    pub fn familiar_name(&self) -> String {
        todo!()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}
