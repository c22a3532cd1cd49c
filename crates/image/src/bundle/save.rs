//! Writing images.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::{ArchiveItem, CONTAINERD_NAME, REF_NAME, blob_name};
use crate::archive::{Entry, Kind, Time, Writer};
use crate::manifest::{Descriptor, ManifestIndex, Platform, media};
use crate::{CommitError, Digest, Image, ImageId, ImageManifest, Reference, ResolveError, Store, StoreError};

/// Why images were not written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// A name leads to no image.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A layer could not be written.
    #[error("cannot write layer {layer}")]
    Layer {
        /// Which.
        layer: Digest,
        /// What is wrong.
        #[source]
        source: CommitError,
    },
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receiver of the stream failed.
    #[error("cannot write the archive")]
    Write(#[from] io::Error),
}

/// An image to write, and the names asked for.
struct Wanted {
    image: Arc<Image>,
    manifest: ImageManifest,
    references: Vec<Reference>,
}

impl Store {
    /// Writes images as one tar stream. A name without a tag stands for all tags of its repository; an image named by its
    /// id is written without names.
    pub fn save(&self, names: &[String], to: &mut dyn Write) -> Result<(), SaveError> {
        let lease = self.lease()?;
        let wanted = self.wanted(names)?;
        wanted.iter().try_for_each(|one| lease.protect_image(&one.image))?;
        let mut out = Writer::new(Some(to), false);
        let mut written = BTreeSet::new();
        for dir in ["blobs/", "blobs/sha256/"] {
            out.header(&Entry { path: dir.into(), kind: Kind::Directory, mode: 0o755, ..Entry::default() })?;
        }
        for one in &wanted {
            self.save_image(&mut out, one, &mut written)?;
        }
        document(&mut out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        document(&mut out, "index.json", &json(&index(&wanted))?)?;
        let items: Vec<ArchiveItem> = wanted.iter().map(item).collect();
        document(&mut out, "manifest.json", &json(&items)?)?;
        out.finish()?;
        Ok(())
    }

    fn save_image(
        &self,
        out: &mut Writer<'_>,
        wanted: &Wanted,
        written: &mut BTreeSet<Digest>,
    ) -> Result<(), SaveError> {
        let Wanted { image, manifest, .. } = wanted;
        for descriptor in &manifest.manifest.layers {
            if written.insert(descriptor.digest) {
                let entry = member(&blob_name(&descriptor.digest), descriptor.size);
                out.member(&entry, |to| self.write_layer_blob(image, &descriptor.digest, to))?;
            }
        }
        let config = self.read_blob(image.id.digest())?;
        for (digest, content) in [(image.id.digest(), &config), (&manifest.digest, &manifest.content)] {
            if written.insert(*digest) {
                document(out, &blob_name(digest), content)?;
            }
        }
        Ok(())
    }

    /// Writes the blob of a layer of an image: as it came, or the tar of one made here.
    pub fn write_layer_blob(
        &self,
        image: &Image,
        digest: &Digest,
        to: &mut dyn Write,
    ) -> Result<(), SaveError> {
        let failed = |source| SaveError::Layer { layer: *digest, source };
        match self.open_blob(digest) {
            Ok(mut file) => {
                let copied = copy_checked(&mut file, to)?;
                if copied == *digest {
                    return Ok(());
                }
                let path = file_path(self, digest);
                Err(failed(StoreError::CorruptBlob { digest: *digest, found: copied, path }.into()))
            }
            Err(missing) => match image.layers.iter().find(|layer| layer.digest() == digest) {
                Some(layer) => self.write_layer_tar(layer, to).map(drop).map_err(failed),
                None => Err(missing.into()),
            },
        }
    }

    fn wanted(&self, names: &[String]) -> Result<Vec<Wanted>, SaveError> {
        let mut found: BTreeMap<ImageId, Vec<Reference>> = BTreeMap::new();
        let mut order = Vec::new();
        for name in names {
            for (id, reference) in self.named(name)? {
                let references = found.entry(id).or_insert_with(|| {
                    order.push(id);
                    Vec::new()
                });
                references.extend(reference.filter(|reference| !references.contains(reference)));
            }
        }
        let wanted = order.into_iter().map(|id| {
            let image = self.image(&id)?;
            let manifest = self.manifest(&image)?;
            Ok(Wanted { image, manifest, references: found.remove(&id).unwrap_or_default() })
        });
        wanted.collect()
    }

    /// What a name on the command line stands for.
    fn named(&self, name: &str) -> Result<Vec<(ImageId, Option<Reference>)>, SaveError> {
        let parsed = Reference::parse(name).ok();
        let whole = parsed.as_ref().filter(|reference| {
            reference.digest().is_none() && reference.tag() == Some("latest") && !name.ends_with(":latest")
        });
        if let Some(repository) = whole {
            let same =
                |own: &Reference| (own.domain(), own.path()) == (repository.domain(), repository.path());
            let images = self.list()?;
            let tags = images.iter().flat_map(|image| {
                let own = image.references.iter().filter(|reference| same(reference));
                own.map(|reference| (image.id, Some(reference.clone())))
            });
            let tags: Vec<_> = tags.collect();
            if !tags.is_empty() {
                return Ok(tags);
            }
        }
        let image = self.resolve(name)?;
        let reference = parsed.filter(|reference| image.references.contains(reference));
        Ok(vec![(image.id, reference)])
    }
}

fn file_path(store: &Store, digest: &Digest) -> std::path::PathBuf {
    store.root().join(blob_name(digest))
}

fn item(wanted: &Wanted) -> ArchiveItem {
    ArchiveItem {
        config: blob_name(wanted.image.id.digest()),
        repo_tags: Some(wanted.references.iter().map(Reference::familiar).collect()),
        layers: wanted.manifest.manifest.layers.iter().map(|layer| blob_name(&layer.digest)).collect(),
    }
}

/// One descriptor for each name, or one for an image without.
fn index(wanted: &[Wanted]) -> ManifestIndex {
    let mut manifests = Vec::new();
    for Wanted { image, manifest, references } in wanted {
        let platform = Platform {
            os: image.config.os.clone(),
            architecture: image.config.architecture.clone(),
            variant: image.config.variant.clone(),
        };
        let size = manifest.content.len() as u64;
        let mut descriptor = Descriptor::new(manifest.media_type.clone(), manifest.digest, size);
        descriptor.platform = (!platform.architecture.is_empty()).then_some(platform);
        let named = references.iter().map(|reference| {
            let annotations = BTreeMap::from([
                (CONTAINERD_NAME.to_owned(), reference.to_string()),
                (REF_NAME.to_owned(), reference.to_string()),
            ]);
            Descriptor { annotations, ..descriptor.clone() }
        });
        manifests.extend(named);
        if references.is_empty() {
            manifests.push(descriptor);
        }
    }
    ManifestIndex { schema_version: 2, media_type: Some(media::INDEX.to_owned()), manifests }
}

fn member(name: &str, size: u64) -> Entry {
    Entry { path: name.into(), mode: 0o644, size, mtime: Time::default(), ..Entry::default() }
}

fn document(out: &mut Writer<'_>, name: &str, content: &[u8]) -> io::Result<()> {
    out.member(&member(name, content.len() as u64), |to| to.write_all(content))
}

fn json<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(io::Error::from)
}

/// Copies a file and hashes what passes.
fn copy_checked(file: &mut std::fs::File, to: &mut dyn Write) -> io::Result<Digest> {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match io::Read::read(file, &mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            count => {
                hasher.update(&buffer[..count]);
                to.write_all(&buffer[..count])?;
            }
        }
    }
}
