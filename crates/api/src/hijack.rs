//! Taken-over connections: after the reply's head the connection carries a container's streams.

mod demux;
pub(crate) mod websocket;

use crate::reply::{self, Reply, empty};
use bytes::{BufMut as _, Bytes, BytesMut};
use container::{
    detach::DetachKeys,
    protocol::{
        StreamName,
        frame::{HEADER, header},
    },
};
use engine::{EngineError, op::Connected};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use hyper::{
    HeaderMap, StatusCode, header as names,
    header::HeaderValue,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use std::{future::Future, io};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, copy, split},
    net::unix::OwnedWriteHalf,
};
use tokio_util::io::ReaderStream;

/// The version of the API since which multiplexed streams have a media type of their own.
pub(crate) const MULTIPLEXED_SINCE: crate::routes::Version = (1, 42);

const INPUT_BUFFER: usize = 4096;

/// How the stream is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Bytes of a terminal.
    Raw,
    /// Docker's 8-byte headers before each piece of stdout or stderr.
    Multiplexed,
}

impl Framing {
    /// The framing of a container with or without a terminal.
    pub(crate) fn of(tty: bool) -> Self {
        if tty { Framing::Raw } else { Framing::Multiplexed }
    }

    /// Bytes of an output stream, with Docker's header where there are headers.
    pub(crate) fn frame(self, stream: StreamName, bytes: &[u8]) -> Bytes {
        let mut framed = BytesMut::with_capacity(HEADER + bytes.len());
        if self == Framing::Multiplexed {
            framed.put_slice(&header(stream, u32::try_from(bytes.len()).unwrap_or(u32::MAX)));
        }
        framed.put_slice(bytes);
        framed.freeze()
    }

    /// The media type clients tell the framing by.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Framing::Raw => "application/vnd.docker.raw-stream",
            Framing::Multiplexed => "application/vnd.docker.multiplexed-stream",
        }
    }
}

/// The `101 UPGRADED` reply after which the stream begins.
pub(crate) fn switching(framing: Framing) -> Reply {
    let mut reply = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers: &mut HeaderMap = reply.headers_mut();
    headers.insert(names::CONTENT_TYPE, HeaderValue::from_static(framing.content_type()));
    headers.insert(names::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(names::UPGRADE, HeaderValue::from_static("tcp"));
    reply
}

/// The detach keys of a stream; only terminals have them.
pub(crate) fn detach_keys(tty: bool, text: Option<&str>) -> Result<Option<DetachKeys>, EngineError> {
    if !tty {
        return Ok(None);
    }
    let keys = DetachKeys::parse(text.unwrap_or_default());
    keys.map(Some).map_err(|error| EngineError::bad_parameter(error.to_string()))
}

/// The output as a reply's body, for a client that did not ask for the connection itself: it can send nothing.
pub(crate) fn output<H, S>(framing: Framing, history: H, stream: S) -> Reply
where
    H: Stream<Item = Bytes> + Send + 'static,
    S: Future<Output = Option<Connected>> + Send + 'static,
{
    let live = async move {
        let streams = stream.await.map(|connected| {
            let end = futures_util::stream::once(connected.end.recorded()).filter_map(async |()| None);
            ReaderStream::new(connected.stream).chain(end)
        });
        Ok::<_, io::Error>(futures_util::stream::iter(streams).flatten())
    };
    let live = futures_util::stream::once(live).try_flatten();
    reply::stream(framing.content_type(), history.map(Ok).chain(live))
}

/// The client's end of a taken-over connection.
pub(crate) type Client = TokioIo<Upgraded>;

/// Takes the connection over: `prepare` may write to the client and yields the container's stream, which is then
/// joined with the connection.
///
/// The end of the client's input is passed on (half close) and does not end the output. The detach sequence, a
/// client that goes away, or the end of the container's output ends both.
pub(crate) async fn take_over<F>(upgrade: OnUpgrade, framing: Framing, keys: Option<DetachKeys>, prepare: F)
where
    F: AsyncFnOnce(&mut Client) -> io::Result<Option<Connected>>,
{
    let connection = match upgrade.await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(%error, "the client left before its stream began");
            return;
        }
    };
    let mut client = TokioIo::new(connection);
    let ended = match prepare(&mut client).await {
        Ok(Some(stream)) => join(client, stream, keys).await,
        Ok(None) => client.shutdown().await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, ?framing, "a stream ended early");
    }
}

async fn join(client: Client, connected: Connected, keys: Option<DetachKeys>) -> io::Result<()> {
    let (mut from_client, mut to_client) = split(client);
    let (mut output, input) = connected.stream.into_split();
    let ended = {
        let inbound = pass_input(&mut from_client, input, keys);
        let outbound = async {
            copy(&mut output, &mut to_client).await?;
            connected.end.recorded().await;
            Ok(())
        };
        tokio::pin!(inbound, outbound);
        tokio::select! {
            ended = &mut outbound => ended,
            ended = &mut inbound => match ended {
                Ok(Inbound::Ended) => outbound.await,
                Ok(Inbound::Detached) => Ok(()),
                Err(error) => Err(error),
            },
        }
    };
    to_client.shutdown().await?;
    ended
}

enum Inbound {
    Ended,
    Detached,
}

async fn pass_input(
    from: &mut (impl AsyncRead + Unpin),
    mut to: OwnedWriteHalf,
    keys: Option<DetachKeys>,
) -> io::Result<Inbound> {
    let Some(mut keys) = keys else {
        copy(from, &mut to).await?;
        to.shutdown().await?;
        return Ok(Inbound::Ended);
    };
    let mut buffer = vec![0; INPUT_BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            to.shutdown().await?;
            return Ok(Inbound::Ended);
        }
        let scanned = keys.scan(&buffer[..count]);
        to.write_all(&scanned.input).await?;
        if scanned.detached {
            return Ok(Inbound::Detached);
        }
    }
}
