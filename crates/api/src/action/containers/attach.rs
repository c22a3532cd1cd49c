//! Attaching to a container: over the connection itself, over a WebSocket, or to the output alone.

use super::logs;
use crate::{
    hijack::{self, Framing, websocket},
    reply::Reply,
};
use bytes::Bytes;
use container::detach::DetachKeys;
use engine::{
    Engine, EngineError,
    op::{AttachOptions, Attachment, Connected, LogLine, LogQuery},
};
use futures_util::{Stream, StreamExt as _};
use hyper::{header::HeaderValue, upgrade::OnUpgrade};
use tokio::io::AsyncWriteExt as _;

/// How a client wants to be attached.
pub(super) struct Wanted {
    pub(super) options: AttachOptions,
    /// What was written before is sent first.
    pub(super) logs: bool,
    /// What is written from now on is sent.
    pub(super) stream: bool,
    pub(super) detach_keys: Option<String>,
    pub(super) upgrade: Option<OnUpgrade>,
    pub(super) websocket: Option<HeaderValue>,
}

pub(super) async fn attach(engine: &Engine, id: &str, wanted: Wanted) -> Result<Reply, EngineError> {
    let tty = engine.inspect(id, false).await?.spec.streams.tty;
    let keys = hijack::detach_keys(tty, wanted.detach_keys.as_deref())?;
    let history = match wanted.logs {
        true => Some(engine.logs(id, history(wanted.options)).await?),
        false => None,
    };
    let stdin = wanted.options.stdin && wanted.upgrade.is_some();
    let attachment = match wanted.stream {
        true => Some(engine.attach(id, AttachOptions { stdin, ..wanted.options }).await?),
        false => None,
    };
    let lines = futures_util::stream::iter(history).flatten();
    let framing = Framing::of(tty);
    Ok(match (wanted.upgrade, wanted.websocket) {
        (None, _) => hijack::output(framing, framed(lines, framing), stream_of(attachment)),
        (Some(upgrade), None) => {
            over_connection(upgrade, framing, keys, framed(lines, framing), attachment);
            hijack::switching(framing)
        }
        (Some(upgrade), Some(key)) => {
            let history = framed(lines, Framing::Raw).boxed();
            tokio::spawn(websocket::take_over(upgrade, framing, keys, history, stream_of(attachment)));
            websocket::switching(&key)
        }
    })
}

fn over_connection(
    upgrade: OnUpgrade,
    framing: Framing,
    keys: Option<DetachKeys>,
    mut history: impl Stream<Item = Bytes> + Send + Unpin + 'static,
    attachment: Option<Attachment>,
) {
    tokio::spawn(hijack::take_over(upgrade, framing, keys, async move |client| {
        while let Some(line) = history.next().await {
            client.write_all(&line).await?;
        }
        Ok(stream_of(attachment).await)
    }));
}

fn framed(lines: impl Stream<Item = LogLine>, framing: Framing) -> impl Stream<Item = Bytes> {
    lines.map(move |line| logs::frame(&line, framing, false))
}

async fn stream_of(attachment: Option<Attachment>) -> Option<Connected> {
    attachment?.connect().await
}

fn history(options: AttachOptions) -> LogQuery {
    LogQuery { stdout: options.stdout, stderr: options.stderr, ..LogQuery::default() }
}
