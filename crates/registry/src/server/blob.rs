//! Giving out blobs: files, and the tar streams of layers that were made here.

use std::io::{self, SeekFrom, Write};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use hyper::{HeaderMap, Response, StatusCode};
use image::{Digest, LayerId, Store};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::mpsc;

use super::Server;
use super::reply::{Body, Refusal, Reply};

const CHUNK: usize = 128 * 1024;
/// Chunks of a tar stream that may wait for the client.
const AHEAD: usize = 8;

impl Server {
    pub(super) async fn blob(
        self: &Arc<Self>,
        digest: Digest,
        headers: &HeaderMap,
    ) -> Result<Reply, Refusal> {
        let path = self.store.blob_path(&digest);
        match tokio::fs::File::open(&path).await {
            Ok(file) => file_reply(file, &digest, headers).await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.made_here(digest).await,
            Err(error) => Err(Refusal::Broken(error.to_string())),
        }
    }

    /// The tar stream of a layer that has no blob.
    async fn made_here(self: &Arc<Self>, digest: Digest) -> Result<Reply, Refusal> {
        let id = LayerId::from(digest);
        let layer = self.blocking(move |server| Ok(server.store.layer(&id)?)).await?;
        let layer = layer.ok_or_else(|| Refusal::NoBlob(digest.to_string()))?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || write_tar(&store, &id, sender));
        let chunks = stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|chunk: io::Result<Bytes>| (chunk.map(Frame::data), receiver))
        });
        Ok(reply(StatusCode::OK, StreamBody::new(chunks).boxed_unsync(), layer.tar_size, &digest))
    }
}

fn write_tar(store: &Store, id: &LayerId, sender: mpsc::Sender<io::Result<Bytes>>) {
    let mut writer = io::BufWriter::with_capacity(CHUNK, Sending(&sender));
    let written = store.write_layer_tar(id, &mut writer);
    let flushed = writer.flush();
    if let (Err(error), Ok(())) = (written, flushed) {
        tracing::warn!(%error, layer = %id, "a layer cannot be given out");
        let _ = sender.blocking_send(Err(io::Error::other("the layer is damaged")));
    }
}

struct Sending<'a>(&'a mpsc::Sender<io::Result<Bytes>>);

impl Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn file_reply(
    mut file: tokio::fs::File,
    digest: &Digest,
    headers: &HeaderMap,
) -> Result<Reply, Refusal> {
    let broken = |error: io::Error| Refusal::Broken(error.to_string());
    let size = file.metadata().await.map_err(broken)?.len();
    let start = headers.get(RANGE).and_then(|range| range.to_str().ok()).and_then(range_start);
    let from = match start {
        Some(start) if start >= size => return Err(Refusal::Range),
        start => start.unwrap_or(0),
    };
    file.seek(SeekFrom::Start(from)).await.map_err(broken)?;
    let chunks = stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let count = file.read(&mut chunk).await?;
        chunk.truncate(count);
        Ok::<_, io::Error>((count > 0).then(|| (Frame::data(Bytes::from(chunk)), file)))
    });
    let status = if start.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut reply = reply(status, StreamBody::new(chunks).boxed_unsync(), size - from, digest);
    reply.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if start.is_some() {
        let range = format!("bytes {from}-{}/{size}", size - 1);
        reply.headers_mut().extend(HeaderValue::from_str(&range).ok().map(|range| (CONTENT_RANGE, range)));
    }
    Ok(reply)
}

/// `bytes=START-`; any other range is answered with the whole.
fn range_start(text: &str) -> Option<u64> {
    text.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn reply(status: StatusCode, body: Body, length: u64, digest: &Digest) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.extend(
        HeaderValue::from_str(&digest.to_string())
            .ok()
            .map(|digest| (hyper::header::HeaderName::from_static("docker-content-digest"), digest)),
    );
    reply
}
