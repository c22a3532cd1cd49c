//! Pulling an image.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use image::manifest::{Descriptor, Document, Manifest, Platform, media};
use image::{
    Foreign, Image, ImageConfig, ImportError, ImportOptions, LayerId, Lease, PutImageError, Reference, Store,
};
use tokio::sync::Semaphore;

use super::download::Download;
use super::event::{LayerState, Teller, TransferEvent};
use super::session::{Fetched, Session, tag_or_digest};
use super::{Limits, PARALLEL};
use crate::RegistryError;
use crate::auth::Credentials;
use crate::settings::{Endpoint, Settings};

/// How an image is pulled.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// Who pulls; anybody when not given.
    pub credentials: Option<Credentials>,
    /// For which platform; this machine's when not given.
    pub platform: Option<Platform>,
    /// How long the registry may take.
    pub limits: Limits,
}

/// A pulled image.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The image.
    pub image: Arc<Image>,
    /// The name it can be pulled by again.
    pub digest: Reference,
    /// Whether it was another image or none before.
    pub newer: bool,
}

/// Pulls an image and names it. A failure, and dropping the future, leave the store as it was.
///
/// # Errors
/// The failure of the last place that was asked; see [`RegistryError`].
pub async fn pull(
    store: &Store,
    settings: &Settings,
    reference: &Reference,
    options: &PullOptions,
    tell: Teller<'_>,
) -> Result<Pulled, RegistryError> {
    let transfer = Transfer::begin(store)?;
    let mut sources = settings.sources(reference.domain()).into_iter().peekable();
    while let Some(endpoint) = sources.next() {
        let host = endpoint.host().to_owned();
        tell(TransferEvent::Asking { host: host.clone() });
        match transfer.pull_from(endpoint, reference, options, tell).await {
            Err(error) if sources.peek().is_some() => {
                let reason = chain(&error);
                tracing::info!(host, reason, "a mirror failed");
                tell(TransferEvent::MirrorFailed { host, reason });
            }
            done => return done,
        }
    }
    Err(RegistryError::Cancelled)
}

/// A pull under way.
struct Transfer {
    store: Store,
    guard: Arc<Guard>,
}

/// What a pull made so far; what no image came of goes when the last thread that works for it ends.
struct Guard {
    store: Store,
    /// Always there but while it is dropped.
    lease: Option<Lease>,
    made: Mutex<Vec<LayerId>>,
}

impl Guard {
    fn protect(&self, layer: &LayerId) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.protect(layer).is_ok())
    }

    /// Unpacks a layer; one that was not there before is noted.
    fn import(&self, stream: &mut (dyn Read + Send), options: &ImportOptions) -> Result<(), ImportError> {
        let Some(lease) = &self.lease else { return Ok(()) };
        let id = options.expected_diff_id;
        let was_there = id.is_some_and(|id| self.store.layer(&id).is_ok_and(|layer| layer.is_some()));
        let layer = self.store.import_layer(lease, stream, options)?;
        if !was_there {
            self.made.lock().unwrap_or_else(PoisonError::into_inner).push(layer.id);
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.lease = None;
        let made = std::mem::take(self.made.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Err(error) = self.store.discard(&made, &[]) {
            tracing::warn!(%error, "layers of a pull that failed stay until the next prune");
        }
    }
}

impl Transfer {
    fn begin(store: &Store) -> Result<Self, RegistryError> {
        let guard = Guard { store: store.clone(), lease: Some(store.lease()?), made: Mutex::default() };
        Ok(Self { store: store.clone(), guard: Arc::new(guard) })
    }

    async fn pull_from(
        &self,
        endpoint: Endpoint,
        reference: &Reference,
        options: &PullOptions,
        tell: Teller<'_>,
    ) -> Result<Pulled, RegistryError> {
        let session =
            Session::new(endpoint, reference.path(), "pull", options.credentials.clone(), options.limits)?;
        let what = reference.familiar();
        let top = session.manifest(&tag_or_digest(reference), reference.digest(), &what).await?;
        tell(TransferEvent::Found);
        let wanted = options.platform.clone().unwrap_or_else(Platform::host);
        let digest = top.digest;
        let (manifest, content) = choose(&session, top, &wanted, &what).await?;
        if !is_config(&manifest.config.media_type) {
            return Err(RegistryError::NotAnImage { what, found: manifest.config.media_type });
        }
        let config =
            session.small_blob(&manifest.config.digest, &format!("the configuration of {what}")).await?;
        let parsed: ImageConfig = serde_json::from_slice(&config).map_err(PutImageError::Config)?;
        let diff_ids = parsed.rootfs.diff_ids;
        if diff_ids.len() != manifest.layers.len() {
            let (layers, diff_ids) = (manifest.layers.len(), diff_ids.len());
            return Err(RegistryError::Layers { what, layers, diff_ids });
        }
        self.layers(&session, &manifest, &diff_ids, tell).await?;
        let Some(lease) = &self.guard.lease else { return Err(RegistryError::Cancelled) };
        let before = self.store.resolve(&reference.to_string()).ok().map(|image| image.id);
        let name = reference.with_digest(digest);
        let foreign = Foreign {
            config,
            manifest: Some(content),
            references: if reference.digest().is_none() { vec![reference.clone()] } else { Vec::new() },
            repo_digests: vec![name.clone()],
        };
        let image = self.store.adopt_image(lease, &foreign)?;
        let newer = before != Some(image.id);
        Ok(Pulled { image, digest: name, newer })
    }

    /// Fetches the layers that are not here.
    async fn layers(
        &self,
        session: &Session,
        manifest: &Manifest,
        diff_ids: &[LayerId],
        tell: Teller<'_>,
    ) -> Result<(), RegistryError> {
        let turns = Semaphore::new(PARALLEL);
        let mut running = FuturesUnordered::new();
        let mut seen = BTreeSet::new();
        for (descriptor, id) in manifest.layers.iter().zip(diff_ids) {
            let say = |state| tell(TransferEvent::Layer { digest: descriptor.digest, state });
            if !seen.insert(*id) {
                continue;
            }
            if self.guard.protect(id) {
                say(LayerState::Exists);
                continue;
            }
            say(LayerState::Waiting);
            let turns = &turns;
            running.push(async move {
                let _turn = turns.acquire().await;
                self.layer(session, descriptor, id, tell).await
            });
        }
        while let Some(done) = running.next().await {
            done?;
        }
        Ok(())
    }

    async fn layer(
        &self,
        session: &Session,
        descriptor: &Descriptor,
        id: &LayerId,
        tell: Teller<'_>,
    ) -> Result<(), RegistryError> {
        let (download, mut reader) = Download::new(session, descriptor, tell);
        let failure = download.failure();
        let options = ImportOptions {
            keep_blob: true,
            expected_digest: Some(descriptor.digest),
            expected_diff_id: Some(*id),
            ..ImportOptions::default()
        };
        let guard = Arc::clone(&self.guard);
        let importing = tokio::task::spawn_blocking(move || guard.import(&mut reader, &options));
        let ((), imported) = tokio::join!(download.run(), importing);
        let host = session.host().to_owned();
        match (failure(), imported) {
            (Some(error), _) => Err(error),
            (None, Err(_)) => Err(RegistryError::Cancelled),
            (None, Ok(Err(source))) => Err(import_failed(host, descriptor, source)),
            (None, Ok(Ok(()))) => {
                tell(TransferEvent::Layer { digest: descriptor.digest, state: LayerState::Done });
                Ok(())
            }
        }
    }
}

fn import_failed(host: String, descriptor: &Descriptor, source: ImportError) -> RegistryError {
    match source {
        ImportError::Digest { what, expected, found } => {
            RegistryError::Digest { host, what: format!("a {what}"), expected, found }
        }
        ImportError::Store(error) => error.into(),
        source => RegistryError::Layer { digest: descriptor.digest, source: Box::new(source) },
    }
}

/// The manifest for the platform, and its bytes.
async fn choose(
    session: &Session,
    top: Fetched,
    wanted: &Platform,
    what: &str,
) -> Result<(Manifest, Vec<u8>), RegistryError> {
    let mut at = top;
    // An index may hold another one, but not for ever.
    for _ in 0..4 {
        match parse(session, &at)? {
            Document::Manifest(manifest) => return Ok((manifest, at.content)),
            Document::Index(index) => {
                let chosen = index.choose(wanted).cloned().ok_or_else(|| RegistryError::Platform {
                    what: what.to_owned(),
                    wanted: wanted.to_string(),
                    found: match index.platforms() {
                        none if none.is_empty() => "none that is named".to_owned(),
                        some => some.join(", "),
                    },
                })?;
                at = session.manifest(&chosen.digest.to_string(), Some(&chosen.digest), what).await?;
            }
        }
    }
    Err(RegistryError::Protocol {
        host: session.host().to_owned(),
        reason: format!("the index of {what} leads to indexes only"),
    })
}

fn parse(session: &Session, fetched: &Fetched) -> Result<Document, RegistryError> {
    let host = || session.host().to_owned();
    if fetched.media_type.starts_with("text/html") {
        let reason = "it answers with a web page where a manifest should be".to_owned();
        return Err(RegistryError::Protocol { host: host(), reason });
    }
    Document::parse(&fetched.content).map_err(|source| RegistryError::Document {
        host: host(),
        what: "a manifest",
        source,
    })
}

/// Whether a configuration's media type is that of an image.
fn is_config(media_type: &str) -> bool {
    matches!(
        media_type,
        media::CONFIG | "application/vnd.docker.container.image.v1+json" | "application/json"
    ) || media_type == "application/octet-stream"
}

fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
