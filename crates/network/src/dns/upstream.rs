//! Asking the resolvers of the host, from the host's network namespace.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::wire::{self, Transport};
use super::{DnsView, host_resolv_conf};

/// How long one resolver is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many are tried: a client waits for five seconds.
const TRIES: usize = 3;
/// How long what `/etc/resolv.conf` says is believed.
const REREAD: Duration = Duration::from_secs(5);
const PORT: u16 = 53;

/// The host's resolvers, read again when they may have changed.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    host: Mutex<Option<(Instant, Arc<[IpAddr]>)>>,
    /// Which one answered last; the next question goes there first.
    preferred: AtomicUsize,
}

impl Upstreams {
    fn host(&self) -> Arc<[IpAddr]> {
        let mut host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        match &*host {
            Some((read, servers)) if read.elapsed() < REREAD => Arc::clone(servers),
            _ => {
                let servers: Arc<[IpAddr]> = host_resolv_conf().nameservers.into();
                *host = Some((Instant::now(), Arc::clone(&servers)));
                servers
            }
        }
    }

    /// Asks one resolver after the other until one answers with more than a failure. The answer carries the query's
    /// own number. A container's own list is asked in its order, the host's beginning with the one that answered last.
    pub(super) async fn ask(&self, query: &[u8], view: &DnsView, transport: Transport) -> Option<Vec<u8>> {
        let host = self.host();
        let own = !view.upstreams.is_empty();
        let servers: &[IpAddr] = if own { &view.upstreams } else { &host };
        let first = if own { 0 } else { self.preferred.load(Ordering::Relaxed) };
        let mut failure = None;
        for attempt in 0..servers.len().min(TRIES) {
            let index = (first + attempt) % servers.len();
            let server = SocketAddr::new(servers[index], PORT);
            match timeout(PATIENCE, ask_one(query, server, transport)).await {
                Ok(Ok(answer)) if !failed(&answer) => {
                    if !own {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    return Some(answer);
                }
                Ok(Ok(answer)) => failure = Some(answer),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        failure
    }
}

/// Whether another resolver may know better: "server failure", "not implemented", "refused".
fn failed(answer: &[u8]) -> bool {
    matches!(wire::code(answer), 2 | 4 | 5)
}

/// The question goes out under a number and from a port that nobody can guess.
async fn ask_one(query: &[u8], server: SocketAddr, transport: Transport) -> io::Result<Vec<u8>> {
    let mut question = query.to_vec();
    let asked = wire::exchange_id(&mut question, rand::random()).ok_or(io::ErrorKind::InvalidInput)?;
    let mut answer = match transport {
        Transport::Datagram => by_datagram(&question, server).await?,
        Transport::Stream => by_stream(&question, server).await?,
    };
    wire::exchange_id(&mut answer, asked).ok_or(io::ErrorKind::InvalidData)?;
    Ok(answer)
}

async fn by_datagram(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; wire::largest_answer(question)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if wire::answers(&buffer[..length], question) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn by_stream(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write_message(&mut stream, question).await?;
    let answer = read_message(&mut stream).await?;
    match wire::answers(&answer, question) {
        true => Ok(answer),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Reads one message from a stream: its length in two bytes, then itself.
pub(super) async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes one message to a stream.
pub(super) async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(message);
    stream.write_all(&bytes).await
}
