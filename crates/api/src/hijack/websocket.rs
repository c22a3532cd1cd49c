//! Attaching over a WebSocket: binary messages of output, messages of input, no frames of Docker's.

use super::{Framing, demux::Payload};
use crate::reply::{Reply, empty};
use bytes::Bytes;
use container::detach::DetachKeys;
use engine::op::Connected;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::{StatusCode, header, header::HeaderValue, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use std::future::Future;
use tokio::{io::AsyncWriteExt as _, net::unix::OwnedWriteHalf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

/// The longest message of input, in bytes.
const LONGEST: usize = 1 << 20;

/// The reply after which the WebSocket begins. `key` is the client's `Sec-WebSocket-Key`.
pub(crate) fn switching(key: &HeaderValue) -> Reply {
    let mut reply = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    reply
}

/// What a client gets before the container's stream.
pub(crate) type History = futures_util::stream::BoxStream<'static, Bytes>;

/// Takes the connection over: sends what `history` has, then joins the WebSocket with the container's stream.
pub(crate) async fn take_over(
    upgrade: OnUpgrade,
    framing: Framing,
    keys: Option<DetachKeys>,
    history: History,
    stream: impl Future<Output = Option<Connected>>,
) {
    let connection = match upgrade.await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(%error, "the client left before its WebSocket began");
            return;
        }
    };
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(connection), Role::Server, Some(config)).await;
    if let Err(error) = join(socket, framing, keys, history, stream).await {
        tracing::debug!(%error, "a WebSocket ended early");
    }
}

type Socket = WebSocketStream<super::Client>;

async fn join(
    mut socket: Socket,
    framing: Framing,
    keys: Option<DetachKeys>,
    mut history: History,
    stream: impl Future<Output = Option<Connected>>,
) -> Result<(), tungstenite::Error> {
    while let Some(bytes) = history.next().await {
        socket.send(Message::Binary(bytes)).await?;
    }
    let Some(connected) = stream.await else { return socket.close(None).await };
    let (output, input) = connected.stream.into_split();
    let (mut to_client, from_client) = socket.split();
    let outbound = async {
        let mut payload = Payload::new(output, framing);
        while let Some(piece) = payload.next().await? {
            to_client.send(Message::Binary(piece)).await?;
        }
        to_client.close().await
    };
    tokio::select! {
        ended = outbound => ended,
        ended = pass_input(from_client, input, keys) => ended,
    }
}

/// Ends when the client closes or detaches.
async fn pass_input(
    mut from: futures_util::stream::SplitStream<Socket>,
    mut to: OwnedWriteHalf,
    mut keys: Option<DetachKeys>,
) -> Result<(), tungstenite::Error> {
    while let Some(message) = from.next().await {
        let bytes = match message? {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.into(),
            Message::Close(_) => break,
            _ => continue,
        };
        match &mut keys {
            None => to.write_all(&bytes).await?,
            Some(keys) => {
                let scanned = keys.scan(&bytes);
                to.write_all(&scanned.input).await?;
                if scanned.detached {
                    break;
                }
            }
        }
    }
    to.shutdown().await?;
    Ok(())
}
