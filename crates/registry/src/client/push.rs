//! Pushing an image.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, StatusCode};
use image::manifest::{Descriptor, Manifest, media};
use image::{Digest, Image, LayerId, Reference, SaveError, Scratch, Store};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::event::{LayerState, Teller, TransferEvent};
use super::session::Session;
use super::upload::{Blob, upload};
use super::{Limits, PARALLEL};
use crate::RegistryError;
use crate::auth::Credentials;
use crate::http::Body;
use crate::settings::Settings;

/// How an image is pushed.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    /// Who pushes; anybody when not given.
    pub credentials: Option<Credentials>,
    /// How long the registry may take.
    pub limits: Limits,
}

/// A pushed image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's size in bytes.
    pub size: u64,
}

/// Pushes an image under its name. Layers that came compressed go as they came; those made here are compressed with gzip.
///
/// # Errors
/// See [`RegistryError`]; what was sent by then may stay at the registry.
pub async fn push(
    store: &Store,
    settings: &Settings,
    reference: &Reference,
    options: &PushOptions,
    tell: Teller<'_>,
) -> Result<Pushed, RegistryError> {
    let tag = reference.tag().filter(|_| reference.digest().is_none());
    let tag = tag.ok_or_else(|| RegistryError::PushByDigest(reference.to_string()))?;
    let image = store.resolve(&reference.to_string())?;
    let lease = store.lease()?;
    lease.protect_image(&image)?;
    let endpoint = settings.endpoint(reference.domain());
    tell(TransferEvent::Asking { host: endpoint.host().to_owned() });
    let session =
        Session::new(endpoint, reference.path(), "pull,push", options.credentials.clone(), options.limits)?;
    session.ping().await?;
    let push = Push { store, session: &session, reference, image: &image, tell };
    let (manifest, content, media_type) = push.layers().await?;
    let config = Blob::Bytes(Bytes::from(store.read_blob(image.id.digest())?));
    let what = format!("the configuration of {}", reference.familiar());
    upload(&session, &manifest.config, config, None, &what, &|_| {}).await?;
    let digest = push.manifest(tag, &content, &media_type).await?;
    store.note_pushed(&lease, &image, &reference.with_digest(digest), &content)?;
    Ok(Pushed { digest, size: content.len() as u64 })
}

struct Push<'a> {
    store: &'a Store,
    session: &'a Session,
    reference: &'a Reference,
    image: &'a Arc<Image>,
    tell: Teller<'a>,
}

impl Push<'_> {
    /// Sends the layers; the manifest of what was sent.
    async fn layers(&self) -> Result<(Manifest, Vec<u8>, String), RegistryError> {
        let kept = self.store.manifest(self.image)?;
        let turns = Semaphore::new(PARALLEL);
        let mut running = FuturesUnordered::new();
        let mut seen = BTreeSet::new();
        for (at, descriptor) in kept.manifest.layers.iter().enumerate() {
            if !seen.insert(descriptor.digest) {
                continue;
            }
            self.say(&descriptor.digest, LayerState::Waiting);
            let turns = &turns;
            running.push(async move {
                let _turn = turns.acquire().await;
                self.layer(at, descriptor).await.map(|sent| (descriptor.digest, sent))
            });
        }
        let mut manifest = kept.manifest.clone();
        while let Some(done) = running.next().await {
            let (digest, sent) = done?;
            for layer in manifest.layers.iter_mut().filter(|layer| layer.digest == digest) {
                layer.clone_from(&sent);
            }
        }
        if manifest == kept.manifest {
            return Ok((manifest, kept.content, kept.media_type));
        }
        let content = serde_json::to_vec(&manifest).map_err(io::Error::from).map_err(SaveError::from)?;
        Ok((manifest, content, kept.media_type))
    }

    /// Sends one layer; its descriptor as it was sent.
    async fn layer(&self, at: usize, descriptor: &Descriptor) -> Result<Descriptor, RegistryError> {
        let shown = descriptor.digest;
        let what = format!("layer {}", descriptor.digest);
        let Some(id) = self.image.layers.get(at).copied() else { return Ok(descriptor.clone()) };
        let from = self.elsewhere(&id);
        let say = |state| self.say(&shown, state);
        if descriptor.media_type != media::LAYER {
            let path = self.store.blob_path(&descriptor.digest);
            upload(self.session, descriptor, Blob::File(path), from.as_deref(), &what, &say).await?;
            return Ok(descriptor.clone());
        }
        // The registry may have it from the last push.
        if let Some(known) = self.store.compressed(&id)? {
            let known = Descriptor::new(known.media_type, known.digest, known.size);
            if self.session.has(&format!("blobs/{}", known.digest), &what).await? {
                say(LayerState::Exists);
                return Ok(known);
            }
        }
        say(LayerState::Compressing);
        let (store, image, digest) = (self.store.clone(), Arc::clone(self.image), descriptor.digest);
        let compressed = tokio::task::spawn_blocking(move || compress(&store, &image, &digest));
        let (sent, scratch) = compressed.await.map_err(|_| RegistryError::Cancelled)??;
        let path = scratch.path().join(COMPRESSED);
        upload(self.session, &sent, Blob::File(path), from.as_deref(), &what, &say).await?;
        let kept =
            image::BlobRef { digest: sent.digest, size: sent.size, media_type: sent.media_type.clone() };
        self.store.note_compressed(&id, kept)?;
        Ok(sent)
    }

    /// Another repository of the registry that has the layer, as far as is known here.
    fn elsewhere(&self, layer: &LayerId) -> Option<String> {
        let images = self.store.list().ok()?;
        let having = images.iter().filter(|image| image.layers.contains(layer));
        let mut names = having.flat_map(|image| &image.repo_digests);
        let other = |name: &&Reference| {
            name.domain() == self.reference.domain() && name.path() != self.reference.path()
        };
        names.find(other).map(|name| name.path().to_owned())
    }

    async fn manifest(&self, tag: &str, content: &[u8], media_type: &str) -> Result<Digest, RegistryError> {
        let what = self.reference.familiar();
        let digest = Digest::of(content);
        let shared = Bytes::copy_from_slice(content);
        let body = || {
            let body: Body = Full::new(shared.clone()).map_err(|never| match never {}).boxed_unsync();
            Ok((body, shared.len() as u64))
        };
        let url = self.session.url(&format!("manifests/{tag}"));
        let mut response = self.session.write(Method::PUT, &url, &what, Some(media_type), &body).await?;
        if !matches!(response.status(), StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED) {
            return Err(self.session.refusal(&mut response, &what).await);
        }
        let claimed = response.headers().get("docker-content-digest").and_then(|text| text.to_str().ok());
        match claimed.and_then(|text| text.parse::<Digest>().ok()) {
            Some(found) if found != digest => Err(RegistryError::Digest {
                host: self.session.host().to_owned(),
                what,
                expected: digest,
                found,
            }),
            _ => Ok(digest),
        }
    }

    fn say(&self, digest: &Digest, state: LayerState) {
        (self.tell)(TransferEvent::Layer { digest: *digest, state });
    }
}

/// The file of a compressed layer.
const COMPRESSED: &str = "layer.gz";

/// Writes a layer's tar compressed to a file that goes with the [`Scratch`].
fn compress(store: &Store, image: &Image, digest: &Digest) -> Result<(Descriptor, Scratch), RegistryError> {
    let scratch = store.scratch()?;
    let path = scratch.path().join(COMPRESSED);
    let failed = |source: io::Error| RegistryError::from(SaveError::from(source));
    let file = std::fs::File::create(&path).map_err(failed)?;
    let mut out = Hashed { to: io::BufWriter::with_capacity(1 << 18, file), hasher: Sha256::new(), size: 0 };
    let mut encoder = GzEncoder::new(&mut out, Compression::new(5));
    store.write_layer_blob(image, digest, &mut encoder)?;
    encoder.finish().map_err(failed)?;
    out.to.flush().map_err(failed)?;
    let sent = Descriptor::new(media::LAYER_GZIP, Digest::from_bytes(out.hasher.finalize().into()), out.size);
    Ok((sent, scratch))
}

/// Hashes what passes.
struct Hashed<W> {
    to: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
