//! HTTP requests: one client with its connections, redirects, time limits and messages of errors.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::RegistryError;

/// A request's body.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;
/// Bytes of an error's text that are read.
const MAX_MESSAGE: usize = 64 * 1024;

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// From a request to the head of its answer, and between two pieces of a body.
    pub answer: Duration,
    /// Before a failed download is tried again; doubled each time.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            answer: Duration::from_secs(60),
            pause: Duration::from_millis(250),
        }
    }
}

/// A client for one registry; its connections are kept while it lives.
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    pub(crate) limits: Limits,
}

/// One request.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: HeaderMap,
    /// What it is for, in messages (`manifest of debian:bookworm`).
    pub(crate) what: &'a str,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(method: Method, url: &'a str, what: &'a str) -> Self {
        Self { method, url, headers: HeaderMap::new(), what }
    }

    pub(crate) fn get(url: &'a str, what: &'a str) -> Self {
        Self::new(Method::GET, url, what)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: header::HeaderName, value: Option<HeaderValue>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

impl Http {
    /// A client that trusts the system's certificates and those of `ca_file`.
    pub(crate) fn new(ca_file: Option<&Path>, tls: bool, limits: Limits) -> Result<Self, RegistryError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(limits.connect));
        connector.set_nodelay(true);
        let config = tls_config(ca_file, tls)?;
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https);
        Ok(Self { client, limits })
    }

    /// Sends a request and gives the answer of the place it leads to; only requests that read are sent on. What identifies
    /// the user stays with the host it was meant for.
    pub(crate) async fn read(&self, ask: Ask<'_>) -> Result<Response<Incoming>, RegistryError> {
        let first = uri(ask.url)?;
        let (mut at, mut headers) = (first.clone(), ask.headers);
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(ask.method.clone(), &at, &headers, empty()).await?;
            let Some(next) = redirect(&response) else { return Ok(response) };
            let next = join(&at, next).ok_or_else(|| RegistryError::Protocol {
                host: host(&at),
                reason: format!("it redirects to {next:?}"),
            })?;
            if at.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                let reason = format!("it redirects from https to {next}");
                return Err(RegistryError::Protocol { host: host(&at), reason });
            }
            if host(&next) != host(&at) {
                headers.remove(header::AUTHORIZATION);
            }
            at = next;
        }
        Err(RegistryError::Redirects { host: host(&first), what: ask.what.to_owned(), limit: MAX_REDIRECTS })
    }

    /// Sends a request that changes something; no redirect is followed.
    pub(crate) async fn write(&self, ask: Ask<'_>, body: Body) -> Result<Response<Incoming>, RegistryError> {
        self.once(ask.method, &uri(ask.url)?, &ask.headers, body).await
    }

    async fn once(
        &self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response<Incoming>, RegistryError> {
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers.clone();
        let agent = HeaderValue::from_static(concat!("berth/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        let answer = self.client.request(request);
        // A body that is sent takes as long as it takes.
        let reads = method == Method::GET || method == Method::HEAD;
        let answered = if reads {
            tokio::time::timeout(self.limits.answer, answer).await.map_err(|_| self.late(uri))?
        } else {
            answer.await
        };
        answered.map_err(|error| RegistryError::Connect { host: host(uri), source: Box::new(error) })
    }

    fn late(&self, uri: &Uri) -> RegistryError {
        RegistryError::Timeout { host: host(uri), seconds: self.limits.answer.as_secs() }
    }

    /// The next piece of a body; `None` at its end.
    pub(crate) async fn piece(
        &self,
        host: &str,
        body: &mut Incoming,
    ) -> Result<Option<Bytes>, RegistryError> {
        loop {
            let late =
                |_| RegistryError::Timeout { host: host.to_owned(), seconds: self.limits.answer.as_secs() };
            let frame = tokio::time::timeout(self.limits.answer, body.frame()).await.map_err(late)?;
            let broken = |error| RegistryError::Connect { host: host.to_owned(), source: Box::new(error) };
            match frame.transpose().map_err(broken)? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// A whole body of at most `limit` bytes; `None` when it is longer.
    pub(crate) async fn whole(
        &self,
        host: &str,
        body: &mut Incoming,
        limit: u64,
    ) -> Result<Option<Bytes>, RegistryError> {
        let mut content = BytesMut::new();
        while let Some(piece) = self.piece(host, body).await? {
            if (content.len() + piece.len()) as u64 > limit {
                return Ok(None);
            }
            content.extend_from_slice(&piece);
        }
        Ok(Some(content.freeze()))
    }

    /// The words of an answer that is an error.
    pub(crate) async fn message(&self, host: &str, body: &mut Incoming) -> String {
        let mut content = BytesMut::new();
        while content.len() < MAX_MESSAGE {
            match self.piece(host, body).await {
                Ok(Some(piece)) => content.extend_from_slice(&piece),
                Ok(None) | Err(_) => break,
            }
        }
        error_text(&content)
    }
}

fn tls_config(ca_file: Option<&Path>, tls: bool) -> Result<ClientConfig, RegistryError> {
    let mut roots = RootCertStore::empty();
    if tls {
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One that does not parse is none that could be trusted.
            let _ = roots.add(certificate);
        }
    }
    if let Some(path) = ca_file {
        let wrong = |error: &dyn std::fmt::Display| {
            RegistryError::Certificates(format!("{}: {error}", path.display()))
        };
        let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
        for certificate in read {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| RegistryError::Certificates(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The registry's words in its error document, or the first line of any other text.
fn error_text(content: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Errors {
        errors: Vec<OneError>,
    }
    #[derive(serde::Deserialize)]
    struct OneError {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    if let Ok(document) = serde_json::from_slice::<Errors>(content) {
        let words = document.errors.iter().map(|error| match error.message.as_str() {
            "" => error.code.clone(),
            message => message.to_owned(),
        });
        return words.collect::<Vec<_>>().join("; ");
    }
    let text = String::from_utf8_lossy(content);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let is_text = !line.starts_with('<') && !line.contains(|c: char| c.is_control());
    if is_text { line.chars().take(200).collect() } else { String::new() }
}

fn redirect(response: &Response<Incoming>) -> Option<&str> {
    let status = response.status();
    let redirects = matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    response.headers().get(header::LOCATION).filter(|_| redirects)?.to_str().ok()
}

pub(crate) fn uri(url: &str) -> Result<Uri, RegistryError> {
    let parsed: Option<Uri> = url.parse().ok();
    let usable = parsed.filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    usable.ok_or_else(|| RegistryError::Address(url.to_owned()))
}

/// Host and port.
pub(crate) fn host(uri: &Uri) -> String {
    uri.authority()
        .map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default().to_owned())
        .unwrap_or_default()
}

/// Where a `Location` leads.
pub(crate) fn join(base: &Uri, location: &str) -> Option<Uri> {
    let origin = format!("{}://{}", base.scheme_str()?, base.authority()?);
    let text = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{}:{location}", base.scheme_str()?)
    } else if location.starts_with('/') {
        format!("{origin}{location}")
    } else if location.starts_with('?') {
        format!("{origin}{}{location}", base.path())
    } else {
        let parent = base.path().rsplit_once('/').map_or("", |(parent, _)| parent);
        format!("{origin}{parent}/{location}")
    };
    let text = text.split('#').next()?;
    uri(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined() {
        let base: Uri = "https://r.example:5000/v2/a/blobs/x?y".parse().unwrap();
        let joined = |location: &str| join(&base, location).map(|uri| uri.to_string());
        assert_eq!(joined("/z").unwrap(), "https://r.example:5000/z");
        assert_eq!(joined("z?q").unwrap(), "https://r.example:5000/v2/a/blobs/z?q");
        assert_eq!(joined("//cdn.example/z").unwrap(), "https://cdn.example/z");
        assert_eq!(joined("http://cdn.example/z#f").unwrap(), "http://cdn.example/z");
        assert_eq!(joined("file:///etc/passwd"), None);
    }

    #[test]
    fn errors_are_told_in_the_registrys_words() {
        let document = br#"{"errors":[{"code":"DENIED","message":"not yours"},{"code":"X"}]}"#;
        assert_eq!(error_text(document), "not yours; X");
        assert_eq!(error_text(b"\n plain text \nmore"), "plain text");
        assert_eq!(error_text(b"<html><body>x"), "");
    }
}
