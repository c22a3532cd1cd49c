use crate::{
    Store,
    post::{MAX_PASTE, Post},
    sync::Sync,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use std::{io, sync::Arc};

/// Longest body of a post: a form is up to three times as long as its text.
const MAX_FORM: usize = 3 * MAX_PASTE + 8192;
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What the service says of itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What URLs of pastes begin with, without a slash at the end.
    pub public_url: String,
    /// The developer key that posts must carry; any if none is set.
    pub key: Option<String>,
}

/// The service behind its routes.
#[derive(Debug)]
pub struct Service {
    store: Arc<Store>,
    settings: Settings,
    sync: Sync,
}

pub(crate) type Answer = Response<Full<Bytes>>;

impl Service {
    /// A service that answers a post when the disk has the paste.
    pub fn new(store: Store, settings: Settings) -> Self {
        Self { store: Arc::new(store), settings, sync: Sync::start() }
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        match (path, request.method()) {
            ("/api/api_post.php", &Method::POST) => self.make(request).await,
            ("/api/api_post.php", _) => refused(&"use POST request, not GET"),
            (_, method) if *method != Method::GET && *method != Method::HEAD => {
                text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n")
            }
            ("/healthz", _) => text(StatusCode::OK, "ok\n"),
            (path, _) => {
                let key = path.strip_prefix("/raw/").or_else(|| path.strip_prefix('/'));
                self.show(key.unwrap_or_default().to_owned()).await
            }
        }
    }

    async fn make(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, MAX_FORM).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return refused(&"maximum paste file size exceeded");
            }
            Err(_) => return refused(&"invalid POST parameters"),
        };
        let wanted = match Post::parse(&body).check(self.settings.key.as_deref()) {
            Ok(wanted) => wanted,
            Err(refusal) => return refused(&refusal),
        };
        let key = Store::key(idempotency(&head.headers));
        // Into the page cache: a thread would cost more.
        let kept = self.store.put(&key, &wanted.text, wanted.private, wanted.lifetime);
        let kept = match kept {
            Ok(file) => self.sync.wait(file).await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(()) => {
                text(StatusCode::OK, self.settings.public_url.clone() + "/" + &String::from_utf8_lossy(&key))
            }
            Err(error) => broken(&error),
        }
    }

    async fn show(&self, key: String) -> Answer {
        let store = Arc::clone(&self.store);
        let found = tokio::task::spawn_blocking(move || store.get(&key)).await;
        match found.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(Some(paste)) => text(StatusCode::OK, paste),
            Ok(None) => text(StatusCode::NOT_FOUND, "no such paste\n"),
            Err(error) => broken(&error),
        }
    }
}

fn idempotency(headers: &HeaderMap) -> Option<&str> {
    const KEY: HeaderName = HeaderName::from_static("idempotency-key");
    headers.get(KEY)?.to_str().ok()
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    answer
}

fn refused(why: &dyn std::fmt::Display) -> Answer {
    text(StatusCode::UNPROCESSABLE_ENTITY, format!("Bad API request, {why}"))
}

fn broken(error: &io::Error) -> Answer {
    tracing::error!(%error, "the disk");
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "the paste cannot be kept or read now\n");
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}
