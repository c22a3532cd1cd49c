//! Which images an archive's documents describe.

use serde::de::DeserializeOwned;

use super::collect::Collected;
use super::load::LoadError;
use super::{ArchiveItem, CONTAINERD_NAME, REF_NAME, blob_name};
use crate::manifest::{Descriptor, Document, Manifest, ManifestIndex, Platform};
use crate::{Digest, Foreign, ImageConfig, Reference};

/// Indexes in indexes that are followed.
const MAX_DEPTH: usize = 4;

/// An image and its layers' members.
pub(super) struct Found {
    pub(super) foreign: Foreign,
    /// Names of the layers' members, lowest first.
    pub(super) layers: Vec<String>,
}

/// The images of an archive, in its order.
pub(super) fn images(collected: &Collected, platform: &Platform) -> Result<Vec<Found>, LoadError> {
    let manifest = collected.document("manifest.json");
    if let Some(index) = collected.document("index.json") {
        let index: ManifestIndex = parse("index.json", index)?;
        let mut finder = Finder { collected, platform, skipped: Vec::new(), found: Vec::new() };
        index.manifests.iter().try_for_each(|descriptor| finder.descriptor(descriptor, None, 0))?;
        return finder.done();
    }
    match manifest {
        Some(content) if content.trim_ascii_start().starts_with(b"[") => {
            let items: Vec<ArchiveItem> = parse("manifest.json", content)?;
            items.into_iter().map(|item| archive_item(collected, item)).collect()
        }
        Some(content) => Ok(vec![directory(collected, content)?]),
        None if collected.document("repositories").is_some() => Err(LoadError::Legacy),
        None => Err(LoadError::NoImages),
    }
}

fn archive_item(collected: &Collected, item: ArchiveItem) -> Result<Found, LoadError> {
    let config = collected.document(&item.config);
    let config = config.ok_or_else(|| LoadError::Missing { member: item.config.clone() })?.to_vec();
    let references =
        item.repo_tags.unwrap_or_default().iter().map(|name| reference(name)).collect::<Result<_, _>>()?;
    Ok(Found { foreign: Foreign { config, references, ..Foreign::default() }, layers: item.layers })
}

/// What `skopeo` writes to a directory: blobs named by their bare digests.
fn directory(collected: &Collected, content: &[u8]) -> Result<Found, LoadError> {
    let manifest: Manifest = parse("manifest.json", content)?;
    let config = checked(collected, &manifest.config.digest.hex(), &manifest.config.digest)?;
    let layers = manifest.layers.iter().map(|layer| layer.digest.hex()).collect();
    let foreign = Foreign { config, manifest: Some(content.to_vec()), ..Foreign::default() };
    Ok(Found { foreign, layers })
}

/// A document whose bytes must have a digest.
fn checked(collected: &Collected, name: &str, digest: &Digest) -> Result<Vec<u8>, LoadError> {
    let content = collected.document(name).ok_or_else(|| LoadError::Missing { member: name.to_owned() })?;
    match Digest::of(content) {
        found if found == *digest => Ok(content.to_vec()),
        found => Err(LoadError::Digest { member: name.to_owned(), found }),
    }
}

struct Finder<'a> {
    collected: &'a Collected,
    platform: &'a Platform,
    /// Platforms of images that are not for this one.
    skipped: Vec<String>,
    found: Vec<Found>,
}

impl Finder<'_> {
    fn descriptor(
        &mut self,
        descriptor: &Descriptor,
        name: Option<&Reference>,
        depth: usize,
    ) -> Result<(), LoadError> {
        let own = name_of(descriptor)?;
        let name = own.as_ref().or(name);
        if let Some(platform) = descriptor.platform.as_ref().filter(|own| !self.platform.accepts(own)) {
            self.skipped.push(platform.to_string());
            return Ok(());
        }
        let member = blob_name(&descriptor.digest);
        let content = checked(self.collected, &member, &descriptor.digest)?;
        match Document::parse(&content).map_err(|source| LoadError::Document { member, source })? {
            Document::Manifest(manifest) => self.manifest(&manifest, content, name),
            Document::Index(_) if depth >= MAX_DEPTH => Err(LoadError::NoImages),
            Document::Index(index) => {
                let chosen = index.choose(self.platform).cloned();
                self.skipped.extend(chosen.is_none().then(|| index.platforms()).into_iter().flatten());
                chosen.map_or(Ok(()), |chosen| self.descriptor(&chosen, name, depth + 1))
            }
        }
    }

    fn manifest(
        &mut self,
        manifest: &Manifest,
        content: Vec<u8>,
        name: Option<&Reference>,
    ) -> Result<(), LoadError> {
        let digest = &manifest.config.digest;
        let config = checked(self.collected, &blob_name(digest), digest)?;
        if serde_json::from_slice::<ImageConfig>(&config).is_err() {
            // Signatures and attestations lie in layouts as manifests, too.
            return Ok(());
        }
        let references: Vec<Reference> = name.cloned().into_iter().collect();
        if let Some(same) = self.found.iter_mut().find(|found| found.foreign.config == config) {
            same.foreign.references.extend(references);
            return Ok(());
        }
        let layers = manifest.layers.iter().map(|layer| blob_name(&layer.digest)).collect();
        let foreign = Foreign { config, manifest: Some(content), references, ..Foreign::default() };
        self.found.push(Found { foreign, layers });
        Ok(())
    }

    fn done(self) -> Result<Vec<Found>, LoadError> {
        match (self.found.is_empty(), self.skipped.is_empty()) {
            (false, _) => Ok(self.found),
            (true, true) => Err(LoadError::NoImages),
            (true, false) => {
                Err(LoadError::Platform { wanted: self.platform.to_string(), found: self.skipped.join(", ") })
            }
        }
    }
}

/// The name a layout gives an image; a bare `latest` names no repository.
fn name_of(descriptor: &Descriptor) -> Result<Option<Reference>, LoadError> {
    let annotation = |name: &str| descriptor.annotations.get(name).map(String::as_str);
    match annotation(CONTAINERD_NAME).or_else(|| annotation(REF_NAME)) {
        None | Some("" | "latest") => Ok(None),
        Some(name) => reference(name).map(Some),
    }
}

fn reference(name: &str) -> Result<Reference, LoadError> {
    Reference::parse(name).map_err(|source| LoadError::Name { name: name.to_owned(), source })
}

fn parse<T: DeserializeOwned>(member: &str, content: &[u8]) -> Result<T, LoadError> {
    serde_json::from_slice(content)
        .map_err(|source| LoadError::Document { member: member.to_owned(), source })
}
