//! Passing connections on to a container, where no rule can.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

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

/// Passes streams on until it is aborted.
pub(super) async fn streams(listener: TcpListener, target: SocketAddr) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= CONNECTIONS {
            open.join_next().await;
        }
        match listener.accept().await {
            Ok((client, _)) => _ = open.spawn(stream(client, target)),
            Err(_) => tokio::time::sleep(AFTER_ERROR).await,
        }
    }
}

/// Either side may end its half first.
async fn stream(mut client: TcpStream, target: SocketAddr) {
    let Ok(Ok(mut server)) = timeout(CONNECT, TcpStream::connect(target)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let _ = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await;
}

/// Passes datagrams on until it is aborted: each client has a socket of its own towards the container.
pub(super) async fn datagrams(socket: UdpSocket, target: SocketAddr) {
    let socket = Arc::new(socket);
    let mut clients: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut open = JoinSet::new();
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        while open.try_join_next().is_some() {}
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        clients.retain(|_, queue| !queue.is_closed());
        if !clients.contains_key(&client) {
            if clients.len() >= CONNECTIONS {
                continue;
            }
            let (sender, queue) = mpsc::channel(QUEUE);
            clients.insert(client, sender);
            open.spawn(association(Arc::clone(&socket), client, target, queue));
        }
        if let Some(queue) = clients.get(&client) {
            // A full queue loses the datagram, as any network would.
            let _ = queue.try_send(buffer[..length].to_vec());
        }
    }
}

/// One client's datagrams, both ways.
async fn association(
    socket: Arc<UdpSocket>,
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
            answer = server.recv(&mut buffer) => if let Ok(length) = answer {
                let _ = socket.send_to(&buffer[..length], client).await;
            },
            () = tokio::time::sleep(IDLE) => return Ok(()),
        }
    }
}
