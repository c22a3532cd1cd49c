//! Answers, and the specification's error document.

use std::io;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use image::{ImportError, PutImageError, PutIndexError, StoreError};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(super) type Reply = Response<Body>;

/// Why a request is not fulfilled.
#[derive(Debug)]
pub(super) enum Refusal {
    Unauthorized,
    ReadOnly,
    NoPath,
    Method,
    Name(String),
    Digest(String),
    NoManifest(String),
    NoBlob(String),
    NoUpload,
    NoRepository(String),
    /// What was sent cannot be used.
    Manifest(String),
    Blob(String),
    Range,
    TooLarge,
    Full,
    Broken(String),
}

impl Refusal {
    pub(super) fn reply(self) -> Reply {
        let (status, code, message) = match self {
            Self::Unauthorized => (401, "UNAUTHORIZED", "writing needs the token, as a password".to_owned()),
            Self::ReadOnly => {
                (405, "UNSUPPORTED", "this registry was started without a token: nobody writes".to_owned())
            }
            Self::NoPath => (404, "UNSUPPORTED", "no such path".to_owned()),
            Self::Method => (405, "UNSUPPORTED", "not possible here".to_owned()),
            Self::Name(reason) => (400, "NAME_INVALID", reason),
            Self::Digest(text) => (400, "DIGEST_INVALID", format!("{text:?} is not a sha256 digest")),
            Self::NoManifest(name) => (404, "MANIFEST_UNKNOWN", format!("there is no image {name}")),
            Self::NoBlob(digest) => (404, "BLOB_UNKNOWN", format!("there is no blob {digest}")),
            Self::NoUpload => (404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload".to_owned()),
            Self::NoRepository(name) => (404, "NAME_UNKNOWN", format!("there is no repository {name}")),
            Self::Manifest(reason) => (400, "MANIFEST_INVALID", reason),
            Self::Blob(reason) => (400, "BLOB_UPLOAD_INVALID", reason),
            Self::Range => {
                (416, "BLOB_UPLOAD_INVALID", "the range does not go on where the upload ended".to_owned())
            }
            Self::TooLarge => (413, "MANIFEST_INVALID", "the manifest is too long".to_owned()),
            Self::Full => (507, "UNKNOWN", "the registry's disk is full".to_owned()),
            Self::Broken(reason) => (500, "UNKNOWN", reason),
        };
        let document = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = document_reply(status, "application/json", document.to_string().into());
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"berth\"");
            reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        api_version(reply)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull { .. } => Self::Full,
            StoreError::MissingBlob { digest } => Self::NoBlob(digest.to_string()),
            other => {
                tracing::warn!(error = %other, "a request failed");
                Self::Broken("the registry's store failed".to_owned())
            }
        }
    }
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            other => {
                let sources =
                    std::iter::successors(std::error::Error::source(&other), |source| source.source());
                Self::Blob(sources.fold(other.to_string(), |text, source| format!("{text}: {source}")))
            }
        }
    }
}

impl From<PutImageError> for Refusal {
    fn from(error: PutImageError) -> Self {
        match error {
            PutImageError::Store(StoreError::MissingLayer { layer }) => {
                Self::Manifest(format!("the configuration names a layer that was not sent: {layer}"))
            }
            PutImageError::Store(error) => error.into(),
            other => Self::Manifest(other.to_string()),
        }
    }
}

impl From<PutIndexError> for Refusal {
    fn from(error: PutIndexError) -> Self {
        match error {
            PutIndexError::Put(error) => error.into(),
            PutIndexError::Store(error) => error.into(),
            other => Self::Manifest(other.to_string()),
        }
    }
}

/// `/v2/`
pub(super) fn api() -> Reply {
    document_reply(StatusCode::OK, "application/json", Bytes::from_static(b"{}"))
}

pub(super) fn document_reply(status: StatusCode, kind: &str, content: Bytes) -> Reply {
    let length = content.len() as u64;
    let mut reply = Response::new(Full::new(content).map_err(|never| match never {}).boxed_unsync());
    *reply.status_mut() = status;
    let kind = HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply.headers_mut().insert(CONTENT_LENGTH, length.into());
    api_version(reply)
}

/// An answer without a body.
pub(super) fn bare(status: StatusCode, headers: &[(&'static str, String)]) -> Reply {
    let mut reply = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_LENGTH, 0_u64.into());
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            reply.headers_mut().insert(*name, value);
        }
    }
    api_version(reply)
}

fn api_version(mut reply: Reply) -> Reply {
    let version = HeaderValue::from_static("registry/2.0");
    reply.headers_mut().insert("docker-distribution-api-version", version);
    reply
}
