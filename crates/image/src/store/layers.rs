//! Layers: unpacked directories and their records.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use beneath::Root;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::durable::boot_id;
use super::files::{create_dir, create_file, exists, is_disk_full, read_json, rename, to_json, write_file};
use super::inner::{Inner, short};
use super::lease::Lease;
use super::session::{Held, remove_quietly};
use super::{BlobRef, CommitError, CommitOptions, ImportError, ImportOptions, Layer, Store, StoreError};
use crate::archive::{
    Chunks, ExtractError, Extracted, Packed, Streamed, Tap, Wanted, extract_layer, inflate, pack_layer,
};
use crate::{Digest, LayerId, PackError};

/// The content of a layer's `.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: LayerId,
    size: u64,
    tar_size: u64,
    entries: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<BlobRef>,
    /// The machine's boot in which it was made, until its files are known to be on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unsynced: Option<String>,
    /// What its tar was when it was last compressed to be sent away; the blob itself is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compressed: Option<BlobRef>,
}

impl Record {
    fn of(layer: &Layer) -> Self {
        let Layer { id, size, tar_size, entries, blob } = layer.clone();
        Self { id, size, tar_size, entries, blob, unsynced: boot_id().map(str::to_owned), compressed: None }
    }

    fn layer(self) -> Layer {
        let Self { id, size, tar_size, entries, blob, .. } = self;
        Layer { id, size, tar_size, entries, blob }
    }
}

impl Store {
    /// Unpacks a tar stream, plain or compressed with gzip or zstd, as a layer.
    pub fn import_layer(
        &self,
        lease: &Lease,
        stream: &mut (dyn Read + Send),
        options: &ImportOptions,
    ) -> Result<Layer, ImportError> {
        let scratch = self.scratch()?;
        let (dir, blob) = (scratch.path().join("layer"), scratch.path().join("blob"));
        make_layer_dir(&dir)?;
        let unpacked = unpack(stream, &dir, options.keep_blob.then_some(blob.as_path()), options)?;
        check_digests(&unpacked, options)?;
        let layer = match unpacked.kept() {
            Some(layer) if options.keep_blob => layer,
            _ => pack(&dir, &CommitOptions::default())?,
        };
        if let Some(kept) = &layer.blob {
            self.inner.publish_blob(lease, &blob, &kept.digest)?;
        }
        self.inner.publish_layer(lease, &dir, &layer)?;
        Ok(layer)
    }

    /// Unpacks a stream into a directory and checks its digests.
    pub(super) fn unpack_checked(
        &self,
        stream: &mut (dyn Read + Send),
        dir: &Path,
        options: &ImportOptions,
    ) -> Result<(), ImportError> {
        let unpacked = unpack(stream, dir, None, options)?;
        check_digests(&unpacked, options)
    }

    /// Makes a layer of an overlay upper directory, taking it by rename; `dir` is gone afterwards.
    ///
    /// Assumptions: `dir` is on the store's file system, not mounted as an upper directory any more, and was written with
    /// `redirect_dir=off,metacopy=off`.
    pub fn commit_dir(
        &self,
        lease: &Lease,
        dir: &Path,
        options: &CommitOptions,
    ) -> Result<Layer, CommitError> {
        let scratch = self.scratch()?;
        let taken = scratch.path().join("layer");
        take(dir, &taken)?;
        let layer = pack(&taken, options)?;
        self.inner.publish_layer(lease, &taken, &layer)?;
        Ok(layer)
    }

    /// Makes a layer of a copy of an overlay upper directory, which may be in use.
    ///
    /// Errors: a file that shrinks while it is read.
    pub fn copy_layer(&self, lease: &Lease, dir: &Path) -> Result<Layer, ImportError> {
        let (mut reader, writer) =
            io::pipe().map_err(|source| StoreError::io("make a pipe to copy", dir, source))?;
        let from = open_dir(dir)?;
        std::thread::scope(|scope| {
            let packing = scope.spawn(move || {
                let mut writer = io::BufWriter::with_capacity(1 << 16, writer);
                pack_layer(from, Some(&mut writer), None)
                    .and_then(|_| writer.flush().map_err(PackError::Write))
            });
            let imported = self.import_layer(lease, &mut reader, &ImportOptions::default());
            drop(reader);
            match (packing.join(), imported) {
                // A copy that ends early breaks the pipe; its reason is the import's.
                (Ok(Err(PackError::Write(_))) | Ok(Ok(())) | Err(_), imported) => imported,
                (Ok(Err(error)), _) => Err(CommitError::from(error).into()),
            }
        })
    }

    /// The record of a layer; `None` when the store does not have it.
    pub fn layer(&self, id: &LayerId) -> Result<Option<Layer>, StoreError> {
        self.inner.layer(id)
    }

    /// Every layer, whether an image has it or not; unreadable records are left out.
    pub fn layers(&self) -> Result<Vec<Layer>, StoreError> {
        let dir = self.inner.layers_dir();
        let failed = |source| StoreError::io("read", &dir, source);
        let mut layers = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let id = name.to_str().and_then(|name| self.inner.record_id(name.strip_suffix(".json")?));
            layers.extend(id.and_then(|id| self.inner.layer(&id).ok().flatten()));
        }
        Ok(layers)
    }

    /// What the layer's tar was when it was last compressed to be sent away.
    pub fn compressed(&self, id: &LayerId) -> Result<Option<BlobRef>, StoreError> {
        Ok(self.inner.record(id)?.and_then(|record| record.compressed))
    }

    /// Notes what the layer's tar compressed to.
    pub fn note_compressed(&self, id: &LayerId, blob: BlobRef) -> Result<(), StoreError> {
        self.inner.change_record(id, |record| record.compressed = Some(blob))
    }

    /// Where a layer is unpacked (whether or not it is there).
    pub fn layer_path(&self, id: &LayerId) -> PathBuf {
        self.inner.layer_path(id)
    }

    /// Writes the layer's uncompressed tar stream, the one its id is the digest of; its length in bytes.
    ///
    /// Errors: [`StoreError::CorruptLayer`], after the fact, when what was written has another digest.
    pub fn write_layer_tar(&self, id: &LayerId, to: &mut dyn Write) -> Result<u64, CommitError> {
        let layer = self.inner.layer(id)?.ok_or(StoreError::MissingLayer { layer: *id })?;
        let (found, length) = match &layer.blob {
            Some(blob) => inflate_blob(self.open_blob(&blob.digest)?, to).map_err(PackError::Write)?,
            None => {
                let packed = pack_layer(open_dir(&self.layer_path(id))?, Some(to), None)?;
                (packed.digest, packed.tar_size)
            }
        };
        if found == *id.digest() { Ok(length) } else { Err(self.inner.changed(id, &found).into()) }
    }
}

impl Inner {
    pub(crate) fn has_layer(&self, id: &LayerId) -> bool {
        exists(&self.layer_path(id)) && exists(&self.record_path(id))
    }

    pub(crate) fn layer(&self, id: &LayerId) -> Result<Option<Layer>, StoreError> {
        let record = self.record(id)?.filter(|_| exists(&self.layer_path(id)));
        Ok(record.map(Record::layer))
    }

    pub(crate) fn record(&self, id: &LayerId) -> Result<Option<Record>, StoreError> {
        let path = self.record_path(id);
        let corrupt = |reason: String| StoreError::CorruptLayer { layer: *id, path: path.clone(), reason };
        match read_json::<Record>(&path)? {
            None => Ok(None),
            Some(Err(error)) => Err(corrupt(format!("its record does not parse: {error}"))),
            Some(Ok(record)) if record.id == *id => Ok(Some(record)),
            Some(Ok(record)) => Err(corrupt(format!("its record is that of layer {}", record.id))),
        }
    }

    /// The layer whose record has the short name; `None` when it is unreadable or stands at a wrong place.
    pub(crate) fn record_id(&self, short_name: &str) -> Option<LayerId> {
        let path = self.layers_dir().join(format!("{short_name}.json"));
        let record: Record = read_json(&path).ok()??.ok()?;
        (short(&record.id) == short_name).then_some(record.id)
    }

    /// The error for a layer whose directory hashes to something else.
    pub(crate) fn changed(&self, id: &LayerId, found: &Digest) -> StoreError {
        let reason = format!("its content was changed and now has digest {found}");
        StoreError::CorruptLayer { layer: *id, path: self.layer_path(id), reason }
    }

    /// Moves an unpacked layer to its place; if the store has it already, that one stays.
    fn publish_layer(&self, lease: &Lease, dir: &Path, layer: &Layer) -> Result<(), StoreError> {
        let (place, record_path) = (self.layer_path(&layer.id), self.record_path(&layer.id));
        let record = to_json(&Record::of(layer), &record_path)?;
        let session = self.session()?;
        let (record_temporary, aside) = (session.new_path(), session.new_path());
        write_file(&record_temporary, &record, false)?;
        let locked = self.lock()?;
        lease.hold(&locked, Held::Layer(layer.id))?;
        if self.has_layer(&layer.id) {
            return fs::remove_file(&record_temporary)
                .map_err(|source| StoreError::io("remove", &record_temporary, source));
        }
        if exists(&place) {
            // Without a record nobody knows whether it is whole.
            rename(&place, &aside)?;
        }
        rename(&record_temporary, &record_path)?;
        rename(dir, &place)?;
        drop(locked);
        self.note_unsynced(layer.id);
        if exists(&aside) {
            remove_quietly(&aside);
        }
        Ok(())
    }
}

/// An unpacked stream.
struct Unpacked {
    extracted: Extracted,
    tar_size: u64,
    streamed: Streamed,
}

impl Unpacked {
    /// The layer of a stream that is kept as it came; `None` if it was not hashed.
    fn kept(&self) -> Option<Layer> {
        let Streamed { raw, inflated, size, compression } = &self.streamed;
        let media_type = compression.media_type().to_owned();
        Some(Layer {
            id: (*inflated)?.into(),
            size: self.extracted.size,
            tar_size: self.tar_size,
            entries: self.extracted.entries,
            blob: Some(BlobRef { digest: (*raw)?, size: *size, media_type }),
        })
    }
}

fn wanted(options: &ImportOptions) -> Wanted {
    let (raw, inflated) = (options.expected_digest.is_some(), options.expected_diff_id.is_some());
    Wanted { raw: raw || options.keep_blob, inflated: inflated || options.keep_blob }
}

fn unpack(
    stream: &mut (dyn Read + Send),
    dir: &Path,
    blob: Option<&Path>,
    options: &ImportOptions,
) -> Result<Unpacked, ImportError> {
    let root = Root::open(dir).map_err(|source| StoreError::io("open", dir, source))?;
    let mut copy = blob.map(BlobCopy::create).transpose()?;
    let mut tap = Tap::new(stream, copy.as_mut().map(|copy| copy as &mut (dyn Write + Send)));
    let result = inflate(&mut tap, wanted(options), |chunks: &mut Chunks| {
        extract_layer(&root, chunks, options.limits)
    });
    let result = result.map_err(|error| unpack_error(error, dir));
    // What does not unpack may be something else than was asked for, which says more.
    let other = match (&result, options.expected_digest) {
        (Err(ImportError::Extract(_)), Some(expected)) => {
            tap.rest().filter(|found| *found != expected).map(|found| (expected, found))
        }
        _ => None,
    };
    if let Some(copy) = copy {
        copy.finish()?;
    }
    if let Some((expected, found)) = other {
        return Err(ImportError::Digest { what: BLOB, expected, found });
    }
    let ((extracted, tar_size), streamed) = result?;
    Ok(Unpacked { extracted, tar_size, streamed })
}

fn unpack_error(error: ExtractError, dir: &Path) -> ImportError {
    match error {
        ExtractError::Unpack { source, .. } if is_disk_full(&source) => {
            StoreError::io("unpack a layer in", dir, source).into()
        }
        other => ImportError::Extract(other),
    }
}

/// What a stream is called as it comes.
const BLOB: &str = "layer blob";

fn check_digests(unpacked: &Unpacked, options: &ImportOptions) -> Result<(), ImportError> {
    let blob = (options.expected_digest, unpacked.streamed.raw, BLOB);
    let tar =
        (options.expected_diff_id.map(|id| *id.digest()), unpacked.streamed.inflated, "uncompressed layer");
    for (expected, found, what) in [blob, tar] {
        match (expected, found) {
            (Some(expected), Some(found)) if expected != found => {
                return Err(ImportError::Digest { what, expected, found });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The copy of a stream on the disk; keeps the error that stopped it, which the stream's reader cannot tell from one
/// of the stream.
struct BlobCopy {
    path: PathBuf,
    file: File,
    error: Option<StoreError>,
}

impl BlobCopy {
    fn create(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { path: path.to_owned(), file: create_file(path)?, error: None })
    }

    fn finish(self) -> Result<(), StoreError> {
        self.error.map_or(Ok(()), Err)
    }
}

impl Write for BlobCopy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| {
            let kind = error.kind();
            self.error = Some(StoreError::io("write", &self.path, error));
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The directory a layer is unpacked to, with the attributes it has unless the layer says otherwise.
pub(crate) fn make_layer_dir(dir: &Path) -> Result<(), StoreError> {
    create_dir(dir, 0o755)?;
    fs::set_permissions(dir, Permissions::from_mode(0o755))
        .map_err(|source| StoreError::io("make directory", dir, source))
}

pub(crate) fn unpack_to(stream: &mut (dyn Read + Send), dir: &Path) -> Result<(), ImportError> {
    unpack(stream, dir, None, &ImportOptions::default()).map(drop)
}

fn take(dir: &Path, to: &Path) -> Result<(), CommitError> {
    match fs::rename(dir, to) {
        Ok(()) => Ok(()),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::XDEV) => {
            Err(CommitError::OtherFileSystem { path: dir.to_owned() })
        }
        Err(source) => Err(StoreError::io("take into the image store", dir, source).into()),
    }
}

pub(crate) fn open_dir(path: &Path) -> Result<std::os::fd::OwnedFd, StoreError> {
    File::open(path).map(Into::into).map_err(|source| StoreError::io("open", path, source))
}

/// The layer of a directory in overlayfs' form.
fn pack(dir: &Path, options: &CommitOptions) -> Result<Layer, CommitError> {
    let Packed { digest, tar_size, size, entries } = pack_layer(open_dir(dir)?, None, options.clamp_mtime)?;
    Ok(Layer { id: digest.into(), size, tar_size, entries, blob: None })
}

/// Inflates a blob into `to`; digest and length of what was written.
fn inflate_blob(mut blob: File, to: &mut dyn Write) -> io::Result<(Digest, u64)> {
    let wanted = Wanted { raw: false, inflated: true };
    let (length, streamed) =
        inflate(&mut Tap::new(&mut blob, None), wanted, |chunks: &mut Chunks| io::copy(chunks, to))?;
    let digest = streamed.inflated.ok_or_else(|| io::Error::other("the blob was not hashed"))?;
    Ok((digest, length))
}
