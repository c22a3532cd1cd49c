//! Taking blobs: a layer is unpacked when its last byte has come.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::CONTENT_RANGE;
use hyper::{Request, StatusCode};
use image::manifest::MAX_DOCUMENT;
use image::{Digest, ImportError, ImportOptions, LayerId, Lease, Scratch};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};

use super::pushes::Part;
use super::reply::{Refusal, Reply, bare};
use super::route::{digest_of, query};
use super::{Server, lock};

/// Uploads that may be under way at once.
const UPLOADS: usize = 256;
const FILE: &str = "blob";

/// A blob that is coming.
pub(super) struct Upload {
    repository: String,
    scratch: Scratch,
    file: tokio::fs::File,
    size: u64,
    /// When something of it came last.
    pub(super) used: Instant,
}

fn broken(error: io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::Full,
        _ => Refusal::Broken(error.to_string()),
    }
}

impl Upload {
    /// Takes bytes; a client that sends none for `idle` is given up.
    async fn take(&mut self, mut body: Incoming, idle: Duration) -> Result<(), Refusal> {
        let late = |_| Refusal::Blob("the upload stands still".to_owned());
        while let Some(frame) = timeout(idle, body.frame()).await.map_err(late)? {
            self.used = Instant::now();
            let frame = frame.map_err(|_| Refusal::Blob("the upload broke off".to_owned()))?;
            if let Some(data) = frame.data_ref() {
                self.file.write_all(data).await.map_err(broken)?;
                self.size += data.len() as u64;
            }
        }
        self.file.flush().await.map_err(broken)
    }

    fn progress(&self) -> String {
        format!("0-{}", self.size.saturating_sub(1))
    }
}

impl Server {
    pub(super) async fn begin(
        self: &Arc<Self>,
        repository: String,
        request: Request<Incoming>,
    ) -> Result<Reply, Refusal> {
        let text = request.uri().query().map(str::to_owned);
        if let Some(digest) = query(text.as_deref(), "mount").and_then(|digest| digest_of(digest).ok())
            && self.has(digest).await?
        {
            return Ok(created(&repository, &digest));
        }
        let id = self.new_upload(&repository)?;
        match query(text.as_deref(), "digest") {
            Some(_) => self.finish(repository, id, request).await,
            None => Ok(bare(StatusCode::ACCEPTED, &place(&repository, &id, "0-0"))),
        }
    }

    fn new_upload(&self, repository: &str) -> Result<String, Refusal> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = format!("{:x}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let scratch = self.store.scratch()?;
        let file = std::fs::File::create(scratch.path().join(FILE)).map_err(broken)?;
        let upload = Upload {
            repository: repository.to_owned(),
            scratch,
            file: tokio::fs::File::from_std(file),
            size: 0,
            used: Instant::now(),
        };
        let mut uploads = lock(&self.uploads);
        if uploads.len() >= UPLOADS {
            return Err(Refusal::Broken("too many uploads are under way".to_owned()));
        }
        if let Entry::Vacant(free) = uploads.entry(id.clone()) {
            free.insert(Arc::new(tokio::sync::Mutex::new(upload)));
        }
        Ok(id)
    }

    /// Whether the store has a layer's blob already; it stays for the manifest that comes.
    async fn has(self: &Arc<Self>, digest: Digest) -> Result<bool, Refusal> {
        self.blocking(move |server| {
            let lease = server.store.lease()?;
            let layers = server.store.layers()?;
            let own = |layer: &&image::Layer| match &layer.blob {
                Some(blob) => blob.digest == digest,
                None => *layer.id.digest() == digest,
            };
            let layer = layers.iter().find(own);
            let Some(layer) = layer.filter(|layer| lease.protect(&layer.id).is_ok()) else {
                return Ok(false);
            };
            server.pushes.keep(Part::layer(lease, layer.id, false));
            Ok(true)
        })
        .await
    }

    fn upload(&self, repository: &str, id: &str) -> Result<Arc<tokio::sync::Mutex<Upload>>, Refusal> {
        let found = lock(&self.uploads).get(id).cloned();
        let found = found.ok_or(Refusal::NoUpload)?;
        match found.try_lock() {
            Ok(upload) if upload.repository != repository => Err(Refusal::NoUpload),
            Ok(_) => Ok(Arc::clone(&found)),
            Err(_) => Err(Refusal::Range),
        }
    }

    pub(super) async fn append(
        self: &Arc<Self>,
        repository: String,
        id: String,
        request: Request<Incoming>,
    ) -> Result<Reply, Refusal> {
        let upload = self.upload(&repository, &id)?;
        let mut upload = upload.lock().await;
        let range = request.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let start =
            range.and_then(|range| range.trim_start_matches("bytes ").split('-').next()?.parse::<u64>().ok());
        if start.is_some_and(|start| start != upload.size) {
            return Err(Refusal::Range);
        }
        upload.take(request.into_body(), self.idle).await?;
        Ok(bare(StatusCode::ACCEPTED, &place(&repository, &id, &upload.progress())))
    }

    pub(super) async fn status(self: &Arc<Self>, repository: String, id: String) -> Result<Reply, Refusal> {
        let upload = self.upload(&repository, &id)?;
        let upload = upload.lock().await;
        Ok(bare(StatusCode::NO_CONTENT, &place(&repository, &id, &upload.progress())))
    }

    pub(super) fn cancel(&self, id: &str) -> Result<Reply, Refusal> {
        lock(&self.uploads).remove(id).map(|_| bare(StatusCode::NO_CONTENT, &[])).ok_or(Refusal::NoUpload)
    }

    pub(super) async fn finish(
        self: &Arc<Self>,
        repository: String,
        id: String,
        request: Request<Incoming>,
    ) -> Result<Reply, Refusal> {
        let digest = digest_of(query(request.uri().query(), "digest").unwrap_or_default())?;
        let upload = self.upload(&repository, &id)?;
        lock(&self.uploads).remove(&id);
        upload.lock().await.take(request.into_body(), self.idle).await?;
        self.blocking(move |server| {
            let upload = upload.blocking_lock();
            server.keep(&upload, &digest)
        })
        .await?;
        Ok(created(&repository, &digest))
    }

    /// Unpacks a layer, or keeps a small document.
    fn keep(&self, upload: &Upload, digest: &Digest) -> Result<(), Refusal> {
        let path = upload.scratch.path().join(FILE);
        let is_document = upload.size <= MAX_DOCUMENT && {
            let mut start = [0; 1];
            let mut file = std::fs::File::open(&path).map_err(broken)?;
            io::Read::read(&mut file, &mut start).map_err(broken)? == 1 && start == *b"{"
        };
        if is_document {
            let content = std::fs::read(&path).map_err(broken)?;
            if Digest::of(&content) != *digest {
                return Err(Refusal::Blob(format!("what was sent does not have the digest {digest}")));
            }
            return self.keep_document(self.store.lease()?, &content);
        }
        let mut file = std::fs::File::open(&path).map_err(broken)?;
        let options =
            ImportOptions { keep_blob: true, expected_digest: Some(*digest), ..ImportOptions::default() };
        let lease = self.store.lease()?;
        let known: BTreeSet<LayerId> = self.store.layers()?.iter().map(|layer| layer.id).collect();
        match self.store.import_layer(&lease, &mut file, &options) {
            Err(ImportError::Digest { .. }) => {
                Err(Refusal::Blob(format!("what was sent does not have the digest {digest}")))
            }
            done => {
                let layer = done?.id;
                self.pushes.keep(Part::layer(lease, layer, !known.contains(&layer)));
                Ok(())
            }
        }
    }

    /// Keeps a small blob for the manifest that comes after it.
    pub(super) fn keep_document(&self, lease: Lease, content: &[u8]) -> Result<(), Refusal> {
        let fresh = self.store.open_blob(&Digest::of(content)).is_err();
        let digest = self.store.put_blob(&lease, content)?;
        self.pushes.keep(Part::blob(lease, digest, fresh));
        Ok(())
    }
}

fn place(repository: &str, id: &str, range: &str) -> [(&'static str, String); 3] {
    [
        ("location", format!("/v2/{repository}/blobs/uploads/{id}")),
        ("range", range.to_owned()),
        ("docker-upload-uuid", id.to_owned()),
    ]
}

fn created(repository: &str, digest: &Digest) -> Reply {
    let location = format!("/v2/{repository}/blobs/{digest}");
    bare(StatusCode::CREATED, &[("location", location), ("docker-content-digest", digest.to_string())])
}
