//! Replies: a status with no body, JSON, plain text or a stream.

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{Response, StatusCode, body::Frame, header};
use serde::Serialize;
use std::io;

/// A response body of any kind.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a request is answered with.
pub(crate) type Reply = Response<Body>;

fn reply(status: StatusCode, content_type: Option<&'static str>, body: Body) -> Reply {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Some(value) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(value));
    }
    response
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A reply without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    reply(status, None, Empty::new().map_err(|never| match never {}).boxed_unsync())
}

/// `204 No Content`.
pub(crate) fn no_content() -> Reply {
    empty(StatusCode::NO_CONTENT)
}

/// A JSON reply.
pub(crate) fn json_with<T: Serialize>(status: StatusCode, value: &T) -> Reply {
    match serde_json::to_vec(value) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            reply(status, Some("application/json"), full(bytes))
        }
        Err(error) => reply(
            StatusCode::INTERNAL_SERVER_ERROR,
            Some("application/json"),
            full(format!("{{\"message\":\"the answer cannot be encoded: {error}\"}}\n")),
        ),
    }
}

/// `200 OK` with JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Reply {
    json_with(StatusCode::OK, value)
}

/// `200 OK` with plain text.
pub(crate) fn text(value: impl Into<Bytes>) -> Reply {
    reply(StatusCode::OK, Some("text/plain; charset=utf-8"), full(value))
}

/// `200 OK` with a body that is produced while it is read; back-pressure is the stream's own.
pub(crate) fn stream<S>(content_type: &'static str, chunks: S) -> Reply
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let body = StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync();
    reply(StatusCode::OK, Some(content_type), body)
}

/// `200 OK` with one JSON document a line, each sent as soon as it is known.
pub(crate) fn json_lines<T, S>(items: S) -> Reply
where
    T: Serialize,
    S: Stream<Item = T> + Send + 'static,
{
    use futures_util::StreamExt as _;
    let lines = items.map(|item| {
        let mut line = serde_json::to_vec(&item).map_err(io::Error::other)?;
        line.push(b'\n');
        Ok(Bytes::from(line))
    });
    stream("application/json", lines)
}
