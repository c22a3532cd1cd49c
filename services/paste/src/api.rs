use crate::{
    Store, StoreError,
    post::{MAX_PASTE, Post},
};
use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, Path, State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::sync::Arc;

/// What the service says of itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What URLs of pastes begin with, without a slash at the end.
    pub public_url: String,
    /// The developer key that posts must carry; any if none is set.
    pub key: Option<String>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    settings: Settings,
}

/// The routes of the service.
pub fn router(store: Store, settings: Settings) -> Router {
    Router::new()
        .route("/api/api_post.php", post(make))
        .route("/{key}", get(show))
        .route("/raw/{key}", get(show))
        .route("/healthz", get(async || "ok\n"))
        // A form is up to three times as long as its text.
        .layer(DefaultBodyLimit::max(3 * MAX_PASTE + 8192))
        .with_state(Arc::new(Shared { store, settings }))
}

async fn make(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    form: Result<Form<Post>, FormRejection>,
) -> Response {
    let post = match form {
        Ok(Form(post)) => post,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return refused(&"maximum paste file size exceeded");
        }
        Err(_) => return refused(&"invalid POST parameters"),
    };
    let wanted = match post.check(shared.settings.key.as_deref()) {
        Ok(wanted) => wanted,
        Err(refusal) => return refused(&refusal),
    };
    let idempotency = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let key = Store::key(idempotency);
    let url = format!("{}/{key}", shared.settings.public_url);
    match shared.store.put(&key, wanted.text, wanted.private, wanted.lifetime).await {
        Ok(()) => url.into_response(),
        Err(error) => broken(&error),
    }
}

async fn show(State(shared): State<Arc<Shared>>, Path(key): Path<String>) -> Response {
    match shared.store.get(&key).await {
        Ok(Some(text)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "no such paste\n").into_response(),
        Err(error) => broken(&error),
    }
}

fn refused(why: &dyn std::fmt::Display) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, format!("Bad API request, {why}")).into_response()
}

fn broken(error: &StoreError) -> Response {
    tracing::error!(error = error as &dyn std::error::Error, "the disk");
    let after = [(header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, after, "the paste cannot be kept or read now\n").into_response()
}
