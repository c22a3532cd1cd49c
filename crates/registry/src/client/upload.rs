//! One blob to a registry.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::LOCATION;
use hyper::{Method, Response, StatusCode};
use image::manifest::Descriptor;
use tokio::io::AsyncReadExt as _;
use tokio::time::{MissedTickBehavior, interval};

use super::event::LayerState;
use super::session::{Session, no_body};
use crate::RegistryError;
use crate::auth::escape;
use crate::http::{Body, join, uri};

/// Attempts for one blob.
const ATTEMPTS: u32 = 4;
/// Bytes that are read from a file at a time.
const CHUNK: usize = 128 * 1024;
const TELL: std::time::Duration = std::time::Duration::from_millis(100);

/// Where a blob's bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Blob {
    Bytes(Bytes),
    File(PathBuf),
}

/// Sends a blob unless the registry has it; `from` is another repository it may be taken from.
pub(crate) async fn upload(
    session: &Session,
    descriptor: &Descriptor,
    blob: Blob,
    from: Option<&str>,
    what: &str,
    say: &(dyn Fn(LayerState) + Sync),
) -> Result<(), RegistryError> {
    if session.has(&format!("blobs/{}", descriptor.digest), what).await? {
        say(LayerState::Exists);
        return Ok(());
    }
    let mut attempt = 0;
    loop {
        match once(session, descriptor, &blob, from, what, say).await {
            Err(error) if error.is_temporary() && attempt + 1 < ATTEMPTS => {
                attempt += 1;
                say(LayerState::Retrying { at: 0 });
                tokio::time::sleep(session.http.limits.pause * (1 << attempt)).await;
            }
            done => return done,
        }
    }
}

async fn once(
    session: &Session,
    descriptor: &Descriptor,
    blob: &Blob,
    from: Option<&str>,
    what: &str,
    say: &(dyn Fn(LayerState) + Sync),
) -> Result<(), RegistryError> {
    let mount =
        from.map(|from| format!("?mount={}&from={}", escape(&descriptor.digest.to_string()), escape(from)));
    let url = session.url(&format!("blobs/uploads/{}", mount.unwrap_or_default()));
    let mut response = session.write(Method::POST, &url, what, None, &no_body).await?;
    match response.status() {
        StatusCode::CREATED => {
            say(LayerState::Mounted);
            return Ok(());
        }
        StatusCode::ACCEPTED => {}
        _ => return Err(session.refusal(&mut response, what).await),
    }
    let place = place(session, &url, &response, descriptor)?;
    let sent = Arc::new(AtomicU64::new(0));
    let body = || body(blob, descriptor.size, &sent);
    let putting = session.write(Method::PUT, &place, what, Some("application/octet-stream"), &body);
    let mut response = watched(putting, &sent, descriptor.size, say).await?;
    match response.status() {
        StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::ACCEPTED => {
            say(LayerState::Done);
            Ok(())
        }
        _ => Err(session.refusal(&mut response, what).await),
    }
}

/// Where the bytes go.
fn place(
    session: &Session,
    url: &str,
    response: &Response<Incoming>,
    descriptor: &Descriptor,
) -> Result<String, RegistryError> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let joined = location.map(|location| uri(url).map(|base| join(&base, location))).transpose()?.flatten();
    let protocol = || RegistryError::Protocol {
        host: session.host().to_owned(),
        reason: "it begins an upload without saying where".to_owned(),
    };
    let place = joined.ok_or_else(protocol)?.to_string();
    let joint = if place.contains('?') { '&' } else { '?' };
    Ok(format!("{place}{joint}digest={}", escape(&descriptor.digest.to_string())))
}

/// Tells how far it is while it goes on.
async fn watched<T>(
    sending: impl Future<Output = T>,
    sent: &AtomicU64,
    total: u64,
    say: &(dyn Fn(LayerState) + Sync),
) -> T {
    tokio::pin!(sending);
    let mut ticks = interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            done = &mut sending => return done,
            _ = ticks.tick() => {
                say(LayerState::Moving { current: sent.load(Ordering::Relaxed).min(total), total });
            }
        }
    }
}

fn body(blob: &Blob, size: u64, sent: &Arc<AtomicU64>) -> Result<(Body, u64), RegistryError> {
    sent.store(0, Ordering::Relaxed);
    let body = match blob {
        Blob::Bytes(bytes) => Full::new(bytes.clone()).map_err(|never| match never {}).boxed_unsync(),
        Blob::File(path) => {
            let start = (None, path.clone(), Arc::clone(sent));
            StreamBody::new(stream::try_unfold(start, next_chunk)).boxed_unsync()
        }
    };
    Ok((body, size))
}

type Reading = (Option<tokio::fs::File>, PathBuf, Arc<AtomicU64>);

async fn next_chunk((file, path, sent): Reading) -> io::Result<Option<(Frame<Bytes>, Reading)>> {
    let mut file = match file {
        Some(file) => file,
        None => tokio::fs::File::open(&path).await?,
    };
    let mut chunk = vec![0; CHUNK];
    let count = file.read(&mut chunk).await?;
    if count == 0 {
        return Ok(None);
    }
    chunk.truncate(count);
    sent.fetch_add(count as u64, Ordering::Relaxed);
    Ok(Some((Frame::data(Bytes::from(chunk)), (Some(file), path, sent))))
}
