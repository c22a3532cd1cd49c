//! Passing connections on to a container, where no rule can.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{ReadBuf, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::held::Held;

/// Bytes on their way, for each direction of a connection.
const BUFFER: usize = 16 * 1024;
/// Connections of one port at the same time.
const CONNECTIONS: usize = 1024;
/// A container that does not accept for this long is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// Datagrams of a client without an answer for this long end its association.
const IDLE: Duration = Duration::from_secs(60);
/// Datagrams of one client that wait to be passed on.
const QUEUE: usize = 64;
const LARGEST_DATAGRAM: usize = 65_535;
/// Out of descriptors, for example: not at once again.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Passes streams on until the listener is dropped.
pub(super) async fn streams(listener: Held<TcpListener>, target: SocketAddr) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= CONNECTIONS {
            open.join_next().await;
        }
        match accept(&listener).await {
            Some(Ok(client)) => _ = open.spawn(stream(client, target)),
            Some(Err(_)) => tokio::time::sleep(AFTER_ERROR).await,
            None => return,
        }
    }
}

async fn accept(listener: &Held<TcpListener>) -> Option<io::Result<TcpStream>> {
    poll_fn(|context| {
        let accepted = listener.with(|listener| listener.poll_accept(context).map_ok(|(client, _)| client));
        accepted.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await
}

/// Either side may end its half first.
async fn stream(mut client: TcpStream, target: SocketAddr) {
    let Ok(Ok(mut server)) = timeout(CONNECT, TcpStream::connect(target)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let _ = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await;
}

/// Passes datagrams on until the socket is dropped: each client has a socket of its own towards the container.
pub(super) async fn datagrams(socket: Held<UdpSocket>, target: SocketAddr) {
    let mut clients: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut open = JoinSet::new();
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        while open.try_join_next().is_some() {}
        let (length, client) = match receive(&socket, &mut buffer).await {
            Some(Ok(received)) => received,
            Some(Err(_)) => {
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
            None => return,
        };
        clients.retain(|_, queue| !queue.is_closed());
        if !clients.contains_key(&client) {
            if clients.len() >= CONNECTIONS {
                continue;
            }
            let (sender, queue) = mpsc::channel(QUEUE);
            clients.insert(client, sender);
            open.spawn(association(socket.clone(), client, target, queue));
        }
        if let Some(queue) = clients.get(&client) {
            // A full queue loses the datagram, as any network would.
            let _ = queue.try_send(buffer[..length].to_vec());
        }
    }
}

async fn receive(socket: &Held<UdpSocket>, buffer: &mut [u8]) -> Option<io::Result<(usize, SocketAddr)>> {
    poll_fn(|context| {
        let mut read = ReadBuf::new(buffer);
        let received = socket.with(|socket| socket.poll_recv_from(context, &mut read));
        let length = read.filled().len();
        received.map_or(Poll::Ready(None), |poll| poll.map_ok(|client| (length, client)).map(Some))
    })
    .await
}

/// One client's datagrams, both ways.
async fn association(
    socket: Held<UdpSocket>,
    client: SocketAddr,
    target: SocketAddr,
    mut queue: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let server = UdpSocket::bind(any).await?;
    server.connect(target).await?;
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        tokio::select! {
            datagram = queue.recv() => match datagram {
                Some(datagram) => _ = server.send(&datagram).await,
                None => return Ok(()),
            },
            // An error is the container's refusal of an earlier datagram; no room for the answer loses it.
            answer = server.recv(&mut buffer) => if let Ok(length) = answer {
                let sent = socket.with(|socket| socket.try_send_to(&buffer[..length], client));
                if sent.is_none() {
                    return Ok(());
                }
            },
            () = tokio::time::sleep(IDLE) => return Ok(()),
        }
    }
}
