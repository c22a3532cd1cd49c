//! A cache outside the store: an OCI layout in a directory.
//!
//! Its one manifest has the records as its configuration and the layers they name as its layers, so that whatever copies
//! OCI images copies it. Blobs are verified when they are read; a record whose layer cannot be had is as good as none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use image::manifest::{Descriptor, Document, Manifest, ManifestIndex, media};
use image::{Digest, ImportError, ImportOptions, LayerId, Lease, Store};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::{Record, SharedError};

/// Media type of the records.
const RECORDS: &str = "application/vnd.berth.build-cache.v1+json";
/// Media type of a layer.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// No records are longer.
const RECORDS_LIMIT: u64 = 64 << 20;

/// Why a cache was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A file of it.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not such a cache.
    #[error("{} is not a build cache: {problem}", path.display())]
    Form {
        /// The file that is wrong.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// A layer of it.
    #[error("cannot take a layer from {}", path.display())]
    Layer {
        /// The cache.
        path: PathBuf,
        /// Why.
        source: ImportError,
    },
    /// It did not come from or go to a registry.
    #[error("cannot move the build cache {name}")]
    Shared {
        /// The name of its image.
        name: String,
        /// Why.
        source: Box<SharedError>,
    },
}

/// The records as they are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Records {
    records: Vec<Exported>,
}

/// One record and where its layer is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Exported {
    key: Digest,
    record: Record,
    /// The layer's blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<Digest>,
}

/// A cache that was opened for reading.
#[derive(Debug)]
pub(crate) struct Imported {
    directory: PathBuf,
    records: BTreeMap<Digest, Exported>,
}

/// Records whose layers are in the store already.
impl From<BTreeMap<Digest, Record>> for Imported {
    fn from(records: BTreeMap<Digest, Record>) -> Self {
        let exported = |(key, record)| (key, Exported { key, record, blob: None });
        Self { directory: PathBuf::new(), records: records.into_iter().map(exported).collect() }
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::File { action, path, source }
}

fn blob_path(directory: &Path, digest: &Digest) -> PathBuf {
    directory.join("blobs/sha256").join(digest.hex())
}

impl Imported {
    /// Reads the records of a cache.
    pub(crate) fn open(directory: &Path) -> Result<Self, CacheError> {
        let index = directory.join("index.json");
        let wrong = |path: &Path, problem| CacheError::Form { path: path.to_owned(), problem };
        let parsed: ManifestIndex =
            serde_json::from_slice(&read(&index)?).map_err(|_| wrong(&index, "it does not parse"))?;
        let manifest = parsed.manifests.first().ok_or_else(|| wrong(&index, "it is empty"))?;
        let path = blob_path(directory, &manifest.digest);
        let content = verified(directory, &manifest.digest)?;
        let Ok(Document::Manifest(manifest)) = Document::parse(&content) else {
            return Err(wrong(&path, "it does not parse"));
        };
        let config = &manifest.config;
        let path = blob_path(directory, &config.digest);
        if config.media_type != RECORDS {
            return Err(wrong(&path, "it is something else"));
        }
        let records: Records = serde_json::from_slice(&verified(directory, &config.digest)?)
            .map_err(|_| wrong(&path, "it does not parse"))?;
        let records = records.records.into_iter().map(|exported| (exported.key, exported)).collect();
        Ok(Self { directory: directory.to_owned(), records })
    }

    /// The record of a key, its layer taken into the store if it is not there.
    pub(crate) fn get(
        &self,
        key: &Digest,
        store: &Store,
        lease: &Lease,
    ) -> Result<Option<Record>, CacheError> {
        let Some(exported) = self.records.get(key) else { return Ok(None) };
        let Some(layer) = exported.record.layer else { return Ok(Some(exported.record.clone())) };
        if lease.protect(&layer).is_ok() {
            return Ok(Some(exported.record.clone()));
        }
        let Some(blob) = &exported.blob else { return Ok(None) };
        let path = blob_path(&self.directory, blob);
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        let options = ImportOptions {
            expected_digest: Some(*blob),
            expected_diff_id: Some(layer),
            ..ImportOptions::default()
        };
        store
            .import_layer(lease, &mut file, &options)
            .map_err(|source| CacheError::Layer { path, source })?;
        Ok(Some(exported.record.clone()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CacheError> {
    use std::io::Read;
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed("open", path))?;
    file.take(RECORDS_LIMIT).read_to_end(&mut content).map_err(failed("read", path))?;
    Ok(content)
}

fn verified(directory: &Path, digest: &Digest) -> Result<Vec<u8>, CacheError> {
    let path = blob_path(directory, digest);
    let content = read(&path)?;
    match Digest::of(&content) == *digest {
        true => Ok(content),
        false => Err(CacheError::Form { path, problem: "its content is not what its name says" }),
    }
}

/// Writes a cache with these records; layers that the directory has already are not written again, and what is there and
/// belongs to none of the records is removed.
pub(crate) fn export(
    directory: &Path,
    records: &BTreeMap<Digest, Record>,
    store: &Store,
) -> Result<(), CacheError> {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(failed("make", &blobs))?;
    let before = known_blobs(directory);
    let mut layers: BTreeMap<LayerId, Descriptor> = BTreeMap::new();
    let mut exported = Vec::new();
    for (key, record) in records {
        let mut blob = None;
        if let Some(layer) = record.layer {
            let descriptor = match (layers.get(&layer), before.get(&layer)) {
                (Some(written), _) => written.clone(),
                (None, Some(digest)) => existing(directory, digest)?,
                (None, None) => write_layer(directory, &layer, store)?,
            };
            blob = Some(descriptor.digest);
            layers.insert(layer, descriptor);
        }
        exported.push(Exported { key: *key, record: record.clone(), blob });
    }
    let config = document(directory, &Records { records: exported }, RECORDS)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media::MANIFEST.to_owned()),
        config,
        layers: layers.into_values().collect(),
    };
    let described = document(directory, &manifest, media::MANIFEST)?;
    let kept: BTreeSet<String> = manifest
        .layers
        .iter()
        .chain([&manifest.config, &described])
        .map(|descriptor| descriptor.digest.hex())
        .collect();
    let index = ManifestIndex {
        schema_version: 2,
        media_type: Some(media::INDEX.to_owned()),
        manifests: vec![described],
    };
    replace(&directory.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    replace(&directory.join("index.json"), &json(&index))?;
    remove_others(&blobs, &kept)
}

/// The blobs of layers that a directory has from before.
fn known_blobs(directory: &Path) -> BTreeMap<LayerId, Digest> {
    let Ok(imported) = Imported::open(directory) else { return BTreeMap::new() };
    let records = imported.records.values();
    let blobs = records.filter_map(|exported| Some((exported.record.layer?, exported.blob?)));
    blobs.filter(|(_, blob)| blob_path(directory, blob).is_file()).collect()
}

fn existing(directory: &Path, digest: &Digest) -> Result<Descriptor, CacheError> {
    let path = blob_path(directory, digest);
    let size = fs::metadata(&path).map_err(failed("read", &path))?.len();
    Ok(descriptor(LAYER, *digest, size))
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor::new(media_type, digest, size)
}

fn write_layer(directory: &Path, layer: &LayerId, store: &Store) -> Result<Descriptor, CacheError> {
    let aside = directory.join("blobs/sha256").join(format!(".{}", layer.hex()));
    let write = || -> io::Result<(Digest, u64)> {
        let counting = Counting { file: File::create(&aside)?, hash: sha2::Sha256::new(), length: 0 };
        let mut packed = zstd::Encoder::new(counting, 3)?;
        store.write_layer_tar(layer, &mut packed).map_err(io::Error::other)?;
        let done = packed.finish()?;
        Ok((Digest::from_bytes(done.hash.finalize().into()), done.length))
    };
    let (digest, size) = write().map_err(failed("write", &aside))?;
    fs::rename(&aside, blob_path(directory, &digest)).map_err(failed("write", &aside))?;
    Ok(descriptor(LAYER, digest, size))
}

/// A file, and what was written to it.
struct Counting {
    file: File,
    hash: sha2::Sha256,
    length: u64,
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.hash.update(bytes.get(..length).unwrap_or_default());
        self.length += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // These types have no maps with other keys than strings, nor anything else that JSON cannot say.
    serde_json::to_vec(value).unwrap_or_default()
}

fn document(directory: &Path, value: &impl Serialize, media_type: &str) -> Result<Descriptor, CacheError> {
    let content = json(value);
    let digest = Digest::of(&content);
    replace(&blob_path(directory, &digest), &content)?;
    Ok(descriptor(media_type, digest, content.len() as u64))
}

/// Writes a file aside and renames it.
fn replace(path: &Path, content: &[u8]) -> Result<(), CacheError> {
    let aside = path.with_extension("new");
    fs::write(&aside, content).and_then(|()| fs::rename(&aside, path)).map_err(failed("write", path))
}

/// Removes blobs that nothing names.
fn remove_others(blobs: &Path, kept: &BTreeSet<String>) -> Result<(), CacheError> {
    for entry in fs::read_dir(blobs).map_err(failed("read", blobs))? {
        let entry = entry.map_err(failed("read", blobs))?;
        if !kept.contains(entry.file_name().to_string_lossy().as_ref()) {
            fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}
