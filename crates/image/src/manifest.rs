//! Manifests, indexes and descriptors, in the OCI form and in Docker's of the same shape.
//!
//! Follows the OCI image specification (`descriptor.md`, `manifest.md`, `image-index.md`) and Docker's image manifest
//! version 2, schema 2. Only what is needed to find configuration and layers is kept; a manifest that must keep its
//! digest is passed on as the bytes it came in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Media types of documents and layers.
pub mod media {
    /// An OCI image manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// An OCI image configuration.
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// An uncompressed OCI layer.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A gzip-compressed OCI layer.
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// Docker's image manifest, version 2, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's first manifest format, which has no digests of layers' contents.
    pub const DOCKER_V1: &str = "application/vnd.docker.distribution.manifest.v1+json";
    /// The same, signed.
    pub const DOCKER_V1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
}

/// Longest manifest or configuration that is read, in bytes; registries refuse longer ones too.
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// What a manifest says of a blob or of another manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The platform of a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Further remarks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Other places to fetch it from; such a blob need not be in the registry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

impl Descriptor {
    /// A descriptor without remarks.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
        }
    }
}

/// What an image runs on, in Go's spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `amd64`
    pub architecture: String,
    /// `v8`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// The platform of this machine.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Self { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
    }

    /// Reads `os/architecture[/variant]`, or an architecture alone.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let known = |name: &str| match name {
            "x86_64" | "x86-64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        match parts.as_slice() {
            [architecture] => Some(Self { architecture: known(architecture), ..Self::host() }),
            [os, architecture] => {
                Some(Self { os: os.to_ascii_lowercase(), architecture: known(architecture), variant: None })
            }
            [os, architecture, variant] => Some(Self {
                os: os.to_ascii_lowercase(),
                architecture: known(architecture),
                variant: Some((*variant).to_owned()),
            }),
            _ => None,
        }
    }

    /// Whether an image for `other` serves one who wants `self`; a variant counts only when it was asked for.
    pub fn accepts(&self, other: &Self) -> bool {
        let variant = self.variant.is_none() || self.variant == other.variant;
        self.os == other.os && self.architecture == other.architecture && variant
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// An image: its configuration and its layers, lowest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Its media type; OCI allows it to be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
}

/// Manifests of one image for several platforms, or of several images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestIndex {
    /// Always 2.
    pub schema_version: u32,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The manifests.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

impl ManifestIndex {
    /// The manifest for a platform, or, if none names a platform and there is but one, that.
    pub fn choose(&self, platform: &Platform) -> Option<&Descriptor> {
        let fits =
            |descriptor: &&Descriptor| descriptor.platform.as_ref().is_some_and(|own| platform.accepts(own));
        let only = || match self.manifests.as_slice() {
            [only] if only.platform.is_none() => Some(only),
            _ => None,
        };
        self.manifests.iter().find(fits).or_else(only)
    }

    /// The platforms there are, for messages.
    pub fn platforms(&self) -> Vec<String> {
        let known = self.manifests.iter().filter_map(|manifest| manifest.platform.as_ref());
        known.filter(|platform| platform.os != "unknown").map(ToString::to_string).collect()
    }
}

/// A document that leads to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several.
    Index(ManifestIndex),
}

impl Document {
    /// Parses a manifest or index; the fields decide, since OCI documents need not name their media type.
    pub fn parse(content: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Shape {
            manifests: Option<serde::de::IgnoredAny>,
        }
        let shape: Shape = serde_json::from_slice(content)?;
        Ok(match shape.manifests {
            Some(_) => Self::Index(serde_json::from_slice(content)?),
            None => Self::Manifest(serde_json::from_slice(content)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(platform: Option<&str>) -> Descriptor {
        let platform = platform.and_then(Platform::parse);
        Descriptor { platform, ..Descriptor::new(media::MANIFEST, Digest::of(b"x"), 1) }
    }

    fn index(platforms: &[Option<&str>]) -> ManifestIndex {
        let manifests = platforms.iter().map(|platform| descriptor(*platform)).collect();
        ManifestIndex { schema_version: 2, media_type: None, manifests }
    }

    #[test]
    fn the_manifest_of_the_platform_is_chosen() {
        let wanted = Platform::parse("linux/arm64").unwrap();
        let several = index(&[Some("linux/amd64"), Some("linux/arm64/v8"), Some("unknown/unknown")]);
        assert_eq!(several.choose(&wanted).unwrap().platform, Platform::parse("linux/arm64/v8"));
        assert_eq!(several.platforms(), ["linux/amd64", "linux/arm64/v8"]);
        assert_eq!(several.choose(&Platform::parse("linux/s390x").unwrap()), None);
        assert!(index(&[None]).choose(&wanted).is_some());
        assert!(index(&[None, None]).choose(&wanted).is_none());
    }

    #[test]
    fn a_variant_counts_only_when_asked_for() {
        let v7 = Platform::parse("linux/arm/v7").unwrap();
        assert!(v7.accepts(&v7) && !v7.accepts(&Platform::parse("linux/arm/v6").unwrap()));
        assert_eq!(Platform::parse("x86_64").unwrap().to_string(), "linux/amd64");
        assert_eq!(Platform::parse("linux//v7"), None);
    }

    #[test]
    fn manifest_and_index_are_told_apart_by_their_fields() {
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"a","digest":"{0}","size":1}},"layers":[]}}"#,
            Digest::of(b"x")
        );
        assert!(matches!(Document::parse(manifest.as_bytes()), Ok(Document::Manifest(_))));
        assert!(matches!(Document::parse(br#"{"schemaVersion":2,"manifests":[]}"#), Ok(Document::Index(_))));
        assert!(Document::parse(br#"{"schemaVersion":1,"fsLayers":[]}"#).is_err());
    }
}
