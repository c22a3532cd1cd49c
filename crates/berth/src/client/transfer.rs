//! Calls that carry a stream, or credentials for a registry.

use base64::prelude::{BASE64_URL_SAFE, Engine as _};
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::Method;
use hyper::body::Frame;
use hyper::header::HeaderValue;
use std::io;
use tokio::sync::mpsc::Receiver;

use super::{Call, CallError, Client, Lines, request};

impl Client {
    /// Sends a stream; the answer is a stream of JSON documents.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub(crate) async fn upload(
        &self,
        path: &str,
        pieces: Receiver<io::Result<Bytes>>,
    ) -> Result<Lines, CallError> {
        let frames = futures_util::stream::unfold(pieces, |mut pieces| async {
            pieces.recv().await.map(|piece| (piece.map(Frame::data), pieces))
        });
        let body = StreamBody::new(frames).boxed_unsync();
        let request = request(Method::POST, path, Some("application/x-tar"), false, body)?;
        Ok(Lines::new(self.respond(request).await?.into_body()))
    }

    /// Makes a call on behalf of a user of a registry; `auth` is Docker's document. The answer is a stream of JSON
    /// documents.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub(crate) async fn lines_as(
        &self,
        call: Call<'_>,
        auth: Option<&serde_json::Value>,
    ) -> Result<Lines, CallError> {
        let mut request = call.request(false)?;
        let header = auth.map(|auth| HeaderValue::try_from(BASE64_URL_SAFE.encode(auth.to_string())));
        if let Some(Ok(mut header)) = header {
            header.set_sensitive(true);
            request.headers_mut().insert("x-registry-auth", header);
        }
        Ok(Lines::new(self.respond(request).await?.into_body()))
    }
}
