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

/// The registry of names that give none.
const DEFAULT_DOMAIN: &str = "docker.io";
/// An older name of the default registry.
const LEGACY_DOMAIN: &str = "index.docker.io";
/// The namespace of the default registry's names without a slash.
const OFFICIAL: &str = "library/";
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;

impl Reference {
    /// Parses and normalises; without tag and digest the tag is `latest`.
    ///
    /// Follows the grammar of the distribution project's `reference` package and Docker's normalisation.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (rest, digest) = split_digest(text)?;
        let (name, tag) = split_tag(rest);
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Tag(tag.to_owned()));
        }
        let (domain, path) = normalise(name);
        check_name(text, name, &domain, &path)?;
        let tag = tag.or_else(|| digest.is_none().then_some("latest")).map(str::to_owned);
        Ok(Self { domain, path, tag, digest })
    }

    /// The same repository with another tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !is_tag(tag) {
            return Err(ReferenceError::Tag(tag.to_owned()));
        }
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The same repository at a manifest's digest, without a tag.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
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
        self.familiar_name() + &self.suffix()
    }

    /// The familiar form of the repository alone (`debian`, `localhost:5000/app`). A name that would read as an image's
    /// id keeps its `library/`.
    pub fn familiar_name(&self) -> String {
        let reads_as_domain = self.path.split_once('/').is_some_and(|(first, _)| is_domain_like(first));
        if self.domain != DEFAULT_DOMAIN || reads_as_domain {
            return format!("{}/{}", self.domain, self.path);
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(name) if !name.contains('/') && !is_hex_id(name) => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// `:tag@digest`, what is there of them.
    fn suffix(&self) -> String {
        let tag = self.tag.iter().map(|tag| format!(":{tag}"));
        tag.chain(self.digest.iter().map(|digest| format!("@{digest}"))).collect()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, self.suffix())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

fn split_digest(text: &str) -> Result<(&str, Option<Digest>), ReferenceError> {
    let Some((rest, digest)) = text.split_once('@') else { return Ok((text, None)) };
    let digest =
        digest.parse().map_err(|source| ReferenceError::Digest { reference: text.to_owned(), source })?;
    Ok((rest, Some(digest)))
}

/// A colon after the last slash starts the tag; one before it belongs to a registry's port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    let last = text.rfind('/').map_or(0, |slash| slash + 1);
    match text[last..].find(':') {
        Some(colon) => (&text[..last + colon], Some(&text[last + colon + 1..])),
        None => (text, None),
    }
}

fn normalise(name: &str) -> (String, String) {
    let (domain, path) = match name.split_once('/') {
        Some((first, rest)) if is_domain_like(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, name),
    };
    let domain = if domain == LEGACY_DOMAIN { DEFAULT_DOMAIN } else { domain };
    let official = domain == DEFAULT_DOMAIN && !path.contains('/');
    (domain.to_owned(), if official { format!("{OFFICIAL}{path}") } else { path.to_owned() })
}

/// Whether the first component names a registry rather than a user.
fn is_domain_like(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn check_name(text: &str, name: &str, domain: &str, path: &str) -> Result<(), ReferenceError> {
    if is_hex_id(name) {
        return Err(ReferenceError::LooksLikeId(name.to_owned()));
    }
    if !is_domain(domain) {
        return Err(ReferenceError::Format(text.to_owned()));
    }
    if !path.split('/').all(is_path_component) {
        let lower = path.to_ascii_lowercase();
        let only_case = lower.split('/').all(is_path_component);
        let text = text.to_owned();
        return Err(if only_case { ReferenceError::UpperCase(text) } else { ReferenceError::Format(text) });
    }
    let length = domain.len() + 1 + path.len();
    if length > MAX_NAME { Err(ReferenceError::TooLong(length)) } else { Ok(()) }
}

fn is_hex_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `host[:port]`, the host a name or an IPv6 address in brackets.
fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let port_fits =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_host_label),
    };
    port_fits && host_fits
}

fn is_host_label(label: &str) -> bool {
    let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

/// Lower-case letters and digits, separated by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separators = component.split(|letter: char| letter.is_ascii() && alphanumeric(letter as u8));
    let bounded = component.bytes().next().is_some_and(alphanumeric)
        && component.bytes().last().is_some_and(alphanumeric);
    bounded
        && separators.all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = tag.bytes();
    tag.len() <= MAX_TAG
        && bytes.next().is_some_and(word)
        && bytes.all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn forms(text: &str) -> (String, String) {
        let reference = Reference::parse(text).unwrap();
        (reference.to_string(), reference.familiar())
    }

    #[test]
    fn short_names_are_completed() {
        let pair = |full: &str, familiar: &str| (full.to_owned(), familiar.to_owned());
        assert_eq!(forms("debian"), pair("docker.io/library/debian:latest", "debian:latest"));
        assert_eq!(forms("debian:bookworm"), pair("docker.io/library/debian:bookworm", "debian:bookworm"));
        assert_eq!(forms("me/app:1"), pair("docker.io/me/app:1", "me/app:1"));
        assert_eq!(forms("docker.io/debian"), pair("docker.io/library/debian:latest", "debian:latest"));
        assert_eq!(
            forms("index.docker.io/library/debian"),
            pair("docker.io/library/debian:latest", "debian:latest")
        );
        assert_eq!(forms("localhost/app"), pair("localhost/app:latest", "localhost/app:latest"));
        assert_eq!(
            forms("localhost:5000/app"),
            pair("localhost:5000/app:latest", "localhost:5000/app:latest")
        );
        assert_eq!(forms("Host/app"), pair("Host/app:latest", "Host/app:latest"));
        assert_eq!(forms("[fd00::1]:5000/a/b:c"), pair("[fd00::1]:5000/a/b:c", "[fd00::1]:5000/a/b:c"));
        assert_eq!(
            forms("docker.io/library/a/b"),
            pair("docker.io/library/a/b:latest", "library/a/b:latest")
        );
    }

    #[test]
    fn a_name_like_an_id_keeps_what_tells_it_apart() {
        let text = format!("library/{}", "0".repeat(64));
        let reference = Reference::parse(&text).unwrap();
        assert_eq!(reference.familiar(), format!("{text}:latest"));
        assert_eq!(Reference::parse(&reference.familiar()), Ok(reference));
    }

    #[test]
    fn a_digest_stands_for_the_tag() {
        let text = format!("debian@{DIGEST}");
        let reference = Reference::parse(&text).unwrap();
        assert_eq!((reference.tag(), reference.familiar()), (None, text));
        assert_eq!(forms(&format!("debian:x@{DIGEST}")).1, format!("debian:x@{DIGEST}"));
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let error = |text: &str| Reference::parse(text).unwrap_err();
        assert_eq!(error(""), ReferenceError::Empty);
        assert!(matches!(error("me/App"), ReferenceError::UpperCase(_)));
        assert!(matches!(error("Debian"), ReferenceError::UpperCase(_)));
        assert!(matches!(error(&"a".repeat(64)), ReferenceError::LooksLikeId(_)));
        assert!(matches!(error(&"a/".repeat(128).replace("a/", "bb/")), ReferenceError::Format(_)));
        assert!(matches!(error(&format!("me/{}", "b".repeat(250))), ReferenceError::TooLong(263)));
        assert!(matches!(error("debian:-x"), ReferenceError::Tag(_)));
        assert!(matches!(error("debian:"), ReferenceError::Tag(_)));
        assert!(matches!(error("debian@sha256:12"), ReferenceError::Digest { .. }));
        for text in
            ["a..b", "-a", "a/", "/a", "a//b", "a___b", "a b", "host:port/x", "[::g]/x", "a.-b", "ä", ":tag"]
        {
            assert!(matches!(error(text), ReferenceError::Format(_)), "{text}");
        }
    }

    #[test]
    fn separators_in_names_follow_the_grammar() {
        for text in ["a.b", "a__b", "a---b", "0a", "e/a-b_c.d"] {
            assert!(Reference::parse(text).is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in "\\PC{0,40}") {
            let _ = Reference::parse(&text);
        }

        #[test]
        fn both_forms_parse_to_the_same(text in "([a-zA-Z0-9.:-]{1,8}/)?[a-z0-9._/-]{1,12}(:[a-zA-Z0-9._-]{1,8})?") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(&Reference::parse(&reference.to_string()), &Ok(reference.clone()));
                prop_assert_eq!(&Reference::parse(&reference.familiar()), &Ok(reference));
            }
        }
    }
}
