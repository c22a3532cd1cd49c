//! The engine's client: HTTP/1.1 over its Unix socket, TLS or `ssh`, in the shapes of the Docker Engine API.
//!
//! Connections are few: one is kept for short calls, a stream or a hijacked connection has its
//! own. Nothing here knows what a call means.

mod archive;
mod error;
mod lines;
mod remote;
mod start;
mod stream;
mod transfer;

use std::cell::RefCell;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

pub(crate) use archive::PathStat;
pub(crate) use error::CallError;
pub(crate) use lines::Lines;
pub(crate) use stream::{Frames, Hijacked};

use crate::cli::{Globals, Host};

/// The version of the Docker Engine API that is spoken.
pub(crate) const API_VERSION: &str = "1.47";

/// What a request carries: nothing, a document, or a stream.
type Body = UnsyncBoxBody<Bytes, std::io::Error>;
/// A connection of any kind.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection to an engine.
pub(crate) type Connection = Box<dyn Duplex>;

type Sender = SendRequest<Body>;

/// A client of one engine.
pub(crate) struct Client {
    globals: Globals,
    idle: RefCell<Option<Sender>>,
}

/// One call: method, path with query, and a JSON body.
pub(crate) struct Call<'a> {
    method: Method,
    path: &'a str,
    body: Option<Bytes>,
}

impl<'a> Call<'a> {
    /// `GET path`.
    pub(crate) fn get(path: &'a str) -> Call<'a> {
        Call { method: Method::GET, path, body: None }
    }

    /// `POST path`.
    pub(crate) fn post(path: &'a str) -> Call<'a> {
        Call { method: Method::POST, ..Call::get(path) }
    }

    /// `DELETE path`.
    pub(crate) fn delete(path: &'a str) -> Call<'a> {
        Call { method: Method::DELETE, ..Call::get(path) }
    }

    /// `HEAD path`.
    fn head(path: &'a str) -> Call<'a> {
        Call { method: Method::HEAD, ..Call::get(path) }
    }

    /// With a JSON body.
    #[must_use]
    pub(crate) fn json(mut self, body: &Value) -> Call<'a> {
        self.body = Some(Bytes::from(body.to_string()));
        self
    }

    fn request(self, upgrade: bool) -> Result<Request<Body>, CallError> {
        let content_type = self.body.is_some().then_some("application/json");
        let body = Full::new(self.body.unwrap_or_default()).map_err(|never| match never {}).boxed_unsync();
        request(self.method, self.path, content_type, upgrade, body)
    }
}

fn request(
    method: Method,
    path: &str,
    content_type: Option<&str>,
    upgrade: bool,
    body: Body,
) -> Result<Request<Body>, CallError> {
    let path = if path.starts_with("/berth/") || path == "/_ping" {
        path.to_owned()
    } else {
        format!("/v{API_VERSION}{path}")
    };
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "berth");
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    if upgrade {
        request = request.header(header::CONNECTION, "Upgrade").header(header::UPGRADE, "tcp");
    }
    request.body(body).map_err(|e| CallError::Protocol(e.to_string()))
}

impl Client {
    /// A client that has not connected yet.
    pub(crate) fn new(globals: &Globals) -> Client {
        Client { globals: globals.clone(), idle: RefCell::new(None) }
    }

    /// Whether an engine answers already; none is started.
    pub(crate) async fn running(&self) -> bool {
        match &self.globals.host {
            Host::Unix(socket) => UnixStream::connect(socket).await.is_ok(),
            // Somebody keeps those running.
            Host::Tcp(_) | Host::Ssh(_) => true,
        }
    }

    /// Makes a call whose answer is one JSON document; `null` for an empty one.
    ///
    /// # Errors
    /// No engine, an engine that died in the middle, or its refusal.
    pub(crate) async fn json(&self, call: Call<'_>) -> Result<Value, CallError> {
        let body = self.text(call).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|e| CallError::Protocol(e.to_string()))
    }

    /// Makes a call and gives its answer's body.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub(crate) async fn text(&self, call: Call<'_>) -> Result<Bytes, CallError> {
        self.send(call).await
    }

    async fn send(&self, call: Call<'_>) -> Result<Bytes, CallError> {
        let request = call.request(false)?;
        let kept = self.idle.borrow_mut().take().filter(|sender| !sender.is_closed());
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = accepted(sender.send_request(request).await?).await?;
        let body = response.into_body().collect().await?.to_bytes();
        if sender.ready().await.is_ok() {
            self.idle.replace(Some(sender));
        }
        Ok(body)
    }

    /// Makes a call whose answer comes in pieces.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub(crate) async fn stream(&self, call: Call<'_>) -> Result<Incoming, CallError> {
        Ok(self.respond(call.request(false)?).await?.into_body())
    }

    /// Makes a call on a connection of its own.
    async fn respond(&self, request: Request<Body>) -> Result<Response<Incoming>, CallError> {
        accepted(self.connect().await?.send_request(request).await?).await
    }

    /// Makes a call whose answer is a stream of JSON documents.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub(crate) async fn lines(&self, call: Call<'_>) -> Result<Lines, CallError> {
        Ok(Lines::new(self.stream(call).await?))
    }

    /// Makes a call that turns its connection into a raw stream in both directions.
    ///
    /// # Errors
    /// As [`Client::json`]; an engine that does not switch protocols is a protocol error.
    pub(crate) async fn hijack(&self, call: Call<'_>) -> Result<Hijacked, CallError> {
        let request = call.request(true)?;
        let mut sender = self.connect().await?;
        let response = accepted(sender.send_request(request).await?).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(CallError::Protocol(format!("expected 101, got {}", response.status())));
        }
        Ok(Hijacked::new(hyper::upgrade::on(response).await?))
    }

    /// A connection of its own to the engine.
    ///
    /// # Errors
    /// There is no engine to talk to.
    pub(crate) async fn dial(&self) -> Result<Connection, CallError> {
        Ok(match &self.globals.host {
            Host::Unix(socket) => Box::new(start::connect(&self.globals, socket).await?),
            Host::Tcp(address) => Box::new(remote::tls(address).await?),
            Host::Ssh(target) => Box::new(remote::ssh(target)?),
        })
    }

    async fn connect(&self) -> Result<Sender, CallError> {
        let stream = self.dial().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The task ends with the connection; its error reaches the caller through the sender.
        tokio::spawn(async move {
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }
}

/// The response, unless the engine refused.
async fn accepted(response: Response<Incoming>) -> Result<Response<Incoming>, CallError> {
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS || status == StatusCode::NOT_MODIFIED
    {
        return Ok(response);
    }
    let body = response.into_body().collect().await?.to_bytes();
    Err(error::refusal(status.as_u16(), &body))
}

/// Encodes a value for a query.
pub(crate) fn quote(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A path with a query; pairs whose value is empty are left out.
pub(crate) fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    let mut joint = '?';
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(joint);
        text.push_str(name);
        text.push('=');
        text.push_str(&quote(value));
        joint = '&';
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_leaves_out_what_is_empty_and_quotes_the_rest() {
        assert_eq!(query("/x", &[("a", ""), ("b", "1 2/é")]), "/x?b=1%202%2F%C3%A9");
        assert_eq!(query("/x", &[]), "/x");
    }
}
