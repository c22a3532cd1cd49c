//! Errors of requests, and the one place where errors become HTTP statuses.

use crate::reply::{Reply, json_with};
use engine::ErrorKind;
use hyper::StatusCode;
use serde::Serialize;

/// Why a request could not be parsed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadRequest {
    /// A query parameter is not of its form.
    #[error("the query parameter {key:?} has a value that cannot be read: {value:?}")]
    Query {
        /// The parameter.
        key: &'static str,
        /// What was sent.
        value: String,
    },
    /// The JSON body is not of its form.
    #[error("the request body is not what this call takes")]
    Body(#[source] serde_json::Error),
    /// The call needs a body.
    #[error("this call needs a request body")]
    NoBody,
    /// The body is longer than a document may be.
    #[error("the request body is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body could not be read to its end.
    #[error("the request body ended early")]
    Broken(#[source] hyper::Error),
    /// The body's next bytes did not come.
    #[error("the request body stopped: nothing came for {} seconds", limit.as_secs())]
    Stalled {
        /// How long was waited.
        limit: std::time::Duration,
    },
    /// A field has a value that cannot be used.
    #[error("{field}: {reason}")]
    Field {
        /// The field, as the API names it.
        field: &'static str,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// The request does not open a WebSocket.
    #[error(
        "this call opens a WebSocket: send \"Connection: Upgrade\", \"Upgrade: websocket\" and a \"Sec-WebSocket-Key\""
    )]
    NoWebSocket,
}

impl BadRequest {
    /// A field with an unusable value.
    pub(crate) fn field(field: &'static str, reason: impl Into<String>) -> Self {
        BadRequest::Field { field, reason: reason.into() }
    }

    fn status(&self) -> StatusCode {
        match self {
            BadRequest::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BadRequest::Stalled { .. } => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Docker's error document.
#[derive(Debug, Serialize)]
struct Message {
    message: String,
}

/// The text of an error with its causes, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// An error document with its status.
pub(crate) fn failure(status: StatusCode, message: impl Into<String>) -> Reply {
    json_with(status, &Message { message: message.into() })
}

/// The reply to a request that could not be parsed.
pub(crate) fn bad_request(error: &BadRequest) -> Reply {
    failure(error.status(), chain(error))
}

/// The reply to an action that failed.
pub(crate) fn engine_failure(error: &engine::EngineError) -> Reply {
    match status_of(error.kind()) {
        StatusCode::NOT_MODIFIED => crate::reply::empty(StatusCode::NOT_MODIFIED),
        status => failure(status, chain(error)),
    }
}

/// The status of each kind of engine error, as the Docker Engine API assigns them.
pub(crate) fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::BadParameter => StatusCode::BAD_REQUEST,
        ErrorKind::NotModified => StatusCode::NOT_MODIFIED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
