use super::Shared;
use crate::{
    Device,
    dependency::Dependency,
    metrics::{Found, FoundValue, up},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::encoding::text::encode;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves HTTP until the task is aborted.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new()
        .route("/users/{device}", get(user))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(shared);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the HTTP server has ended");
    }
}

async fn user(State(shared): State<Arc<Shared>>, Path(device): Path<String>) -> Response {
    let parsed = device.split_once(';').map(|(ipv4, mac)| Device::parse(ipv4, mac));
    let device = match parsed {
        None => return problem(StatusCode::BAD_REQUEST, "ask for /users/{ipv4};{mac}"),
        Some(Err(error)) => return problem(StatusCode::BAD_REQUEST, &crate::worker::chain(&error)),
        Some(Ok(device)) => device,
    };
    let Ok(_turn) = shared.questions.try_acquire() else {
        return counted(&shared, FoundValue::Unavailable, overloaded());
    };
    let call = || shared.clickhouse.lookup(std::slice::from_ref(&device));
    match shared.dependencies.clickhouse.attempt(call).await {
        Some(Ok(found)) => match found.get(&device) {
            Some(username) => {
                let body = serde_json::json!({
                    "username": username, "ipv4": device.ipv4.to_string(), "mac": device.mac.to_string(),
                });
                counted(&shared, FoundValue::Yes, json(StatusCode::OK, &body))
            }
            None => counted(
                &shared,
                FoundValue::No,
                problem(StatusCode::NOT_FOUND, "no account is bound to this device"),
            ),
        },
        _ => counted(&shared, FoundValue::Unavailable, overloaded()),
    }
}

fn counted(shared: &Shared, found: FoundValue, response: Response) -> Response {
    shared.metrics.users.get_or_create(&Found { found }).inc();
    response
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

fn problem(status: StatusCode, what: &str) -> Response {
    json(status, &serde_json::json!({ "error": what }))
}

fn overloaded() -> Response {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "the accounts cannot be looked up now");
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
}

/// Ready: not stopping, and every dependency lets calls pass.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let down: Vec<&str> = shared
        .dependencies
        .each()
        .into_iter()
        .filter(|dependency| !dependency.breaker.is_closed())
        .map(Dependency::name)
        .collect();
    let stopping = shared.stop.is_cancelled();
    let status = if down.is_empty() && !stopping { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(
        status,
        &serde_json::json!({ "ready": status == StatusCode::OK, "down": down, "stopping": stopping }),
    )
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    for (dependency, gauge) in shared.dependencies.each().into_iter().zip(&shared.up) {
        gauge.set(up(&dependency.breaker));
    }
    let mut text = String::new();
    match encode(&mut text, &shared.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
