//! The local store as a registry.
//!
//! Follows the OCI distribution specification: pull, push, content discovery. A repository is a name of the local store:
//! `host/app:1` offers and takes what is called `app:1` here. Everybody may read; writing needs the token, as a bearer
//! token or as the password of any user. Layers that were made here are given out as uncompressed tar streams. An index
//! of several platforms is kept with all its images; here its name leads to the image for this machine. What was
//! uploaded and got no manifest is removed after [`ServerOptions::idle`].
//!
//! Tasks: one for each connection, and one that removes what was abandoned.

mod blob;
mod manifest;
mod pushes;
mod reply;
mod route;
mod upload;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use image::{Digest, Store};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use pushes::Pushes;
use reply::{Refusal, Reply};
use route::{Route, Target};
use upload::Upload;

/// Connections that are served at once.
const CONNECTIONS: usize = 256;

/// What is offered, and to whom.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// What writers must know; without it nobody writes.
    pub token: Option<String>,
    /// How long an upload may rest, and what was uploaded wait for its manifest.
    pub idle: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { token: None, idle: Duration::from_secs(24 * 3600) }
    }
}

/// What all connections share.
struct Server {
    store: Store,
    /// The token's digest: comparing digests tells nothing by the time it takes.
    token: Option<Digest>,
    idle: Duration,
    uploads: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Upload>>>>,
    pushes: Pushes,
}

/// Serves a store until the future is dropped.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    store: Store,
    options: ServerOptions,
) -> std::io::Result<Infallible> {
    let token = options.token.map(|token| Digest::of(token.as_bytes()));
    let (idle, uploads, pushes) = (options.idle, Mutex::default(), Pushes::default());
    let server = Arc::new(Server { store, token, idle, uploads, pushes });
    let sweeping = Arc::clone(&server).sweep();
    tokio::select! {
        ended = accept(listener, server) => ended,
        () = sweeping => Err(std::io::Error::other("the sweeping ended")),
    }
}

async fn accept(listener: TcpListener, server: Arc<Server>) -> std::io::Result<Infallible> {
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let turn = Arc::clone(&turns).acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let _turn = turn;
            let service = service_fn(|request| {
                let server = Arc::clone(&server);
                async move { Ok::<_, Infallible>(server.answer(request).await) }
            });
            let mut connection = hyper::server::conn::http1::Builder::new();
            // With it heads must come within half a minute.
            connection.timer(TokioTimer::new());
            if let Err(error) = connection.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%peer, %error, "a connection broke");
            }
        });
    }
}

impl Server {
    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Reply {
        self.route(request).await.unwrap_or_else(Refusal::reply)
    }

    async fn route(self: &Arc<Self>, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let Route { repository, target } = Route::parse(request.uri().path())?;
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let known = self.is_writer(request.headers());
        match target {
            Target::Base if known || self.token.is_none() => return Ok(reply::api()),
            Target::Base => return Err(Refusal::Unauthorized),
            Target::Uploads | Target::Upload(_) => self.may_write(known)?,
            _ if !reads => self.may_write(known)?,
            _ => {}
        }
        match (request.method().clone(), target) {
            (Method::GET | Method::HEAD, Target::Catalog) => self.catalog().await,
            (Method::GET | Method::HEAD, Target::Tags) => self.tags(repository).await,
            (Method::GET | Method::HEAD, Target::Manifest(name)) => self.manifest(repository, name).await,
            (Method::GET | Method::HEAD, Target::Blob(digest)) => self.blob(digest, request.headers()).await,
            (Method::PUT, Target::Manifest(name)) => self.put_manifest(repository, name, request).await,
            (Method::POST, Target::Uploads) => self.begin(repository, request).await,
            (Method::PATCH, Target::Upload(id)) => self.append(repository, id, request).await,
            (Method::PUT, Target::Upload(id)) => self.finish(repository, id, request).await,
            (Method::GET, Target::Upload(id)) => self.status(repository, id).await,
            (Method::DELETE, Target::Upload(id)) => self.cancel(&id),
            _ => Err(Refusal::Method),
        }
    }

    /// Whether the request has the token.
    fn is_writer(&self, headers: &HeaderMap) -> bool {
        let Some(text) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let given = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim().to_owned(),
            Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
                let decoded = BASE64_STANDARD.decode(pair.trim()).unwrap_or_default();
                let pair = String::from_utf8(decoded).unwrap_or_default();
                pair.split_once(':').map(|(_, password)| password.to_owned()).unwrap_or_default()
            }
            _ => return false,
        };
        self.token == Some(Digest::of(given.as_bytes()))
    }

    fn may_write(&self, known: bool) -> Result<(), Refusal> {
        match (&self.token, known) {
            (Some(_), true) => Ok(()),
            (Some(_), false) => Err(Refusal::Unauthorized),
            (None, _) => Err(Refusal::ReadOnly),
        }
    }

    /// Runs work that blocks, on a thread of its own.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let server = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&server)).await {
            Ok(done) => done,
            Err(_) => Err(Refusal::Broken("the work was given up".to_owned())),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
