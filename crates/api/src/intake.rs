//! Reading request bodies within bounds: of size, of memory over all clients, and of patience.

use crate::{error::BadRequest, server::DOCUMENT_LIMIT};
use bytes::{Bytes, BytesMut};
use engine::op::ByteSource;
use futures_util::StreamExt as _;
use http_body_util::{BodyDataStream, BodyExt as _};
use hyper::body::{Body as _, Incoming};
use std::{io, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

/// A document up to this length is read at once, whatever others do; in bytes.
const SMALL: usize = 64 << 10;

/// Longer documents that may be read at once.
const LARGE_AT_ONCE: usize = 2;

/// How long a document's next bytes are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a stream's next bytes are waited for: its sender may be at work on them.
const STREAM_PATIENCE: Duration = Duration::from_secs(300);

/// What is left over of a body that nobody wants is read up to here, so that the client gets to read the answer; bytes.
const DRAINED: usize = 1 << 20;

/// How long such a rest is waited for.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

static LARGE: Semaphore = Semaphore::const_new(LARGE_AT_ONCE);

/// Reads a document whole.
pub(crate) async fn document(mut body: Incoming) -> Result<Bytes, BadRequest> {
    let mut collected = BytesMut::new();
    let mut turn = None;
    while let Some(data) = next(&mut body).await? {
        let length = collected.len() + data.len();
        if length > DOCUMENT_LIMIT {
            return Err(BadRequest::TooLong { limit: DOCUMENT_LIMIT });
        }
        if length > SMALL && turn.is_none() {
            // It is never closed.
            turn = LARGE.acquire().await.ok();
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected.freeze())
}

/// A body that is read as it comes. One that stops ends with an error, so that it does not hold its reader for ever.
pub(crate) fn stream(body: Incoming) -> ByteSource {
    let chunks = BodyDataStream::new(body);
    Box::pin(futures_util::stream::try_unfold(chunks, |mut chunks| async move {
        match timeout(STREAM_PATIENCE, chunks.next()).await {
            Ok(Some(chunk)) => Ok(Some((chunk.map_err(io::Error::other)?, chunks))),
            Ok(None) => Ok(None),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the request body stopped")),
        }
    }))
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, BadRequest> {
    loop {
        let frame =
            timeout(PATIENCE, body.frame()).await.map_err(|_| BadRequest::Stalled { limit: PATIENCE })?;
        match frame.transpose().map_err(BadRequest::Broken)? {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads a body that nobody wants, as far as is reasonable: a client that is still writing when its connection ends
/// would not get to read the answer.
pub(crate) async fn drain(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    let drained = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > DRAINED {
                return;
            }
        }
    };
    let _ = timeout(DRAIN_PATIENCE, drained).await;
}
