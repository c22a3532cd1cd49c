//! Serving one container.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::DnsSockets;
use super::answer::{Known, look_up};
use super::upstream::{Upstreams, read_message, write_message};
use super::wire::{self, Code, Malformed, Query, Transport};
use crate::dns::Names;
use crate::model::NetworkId;
use crate::netns::{Netns, NetnsError};

/// Questions under way at the host's resolvers, of all containers together.
const FORWARDED_AT_ONCE: usize = 512;
/// Of one container.
const FORWARDED_BY_ONE: usize = 128;
/// Open streams of one container.
const STREAMS_OF_ONE: usize = 32;
/// A stream without a question for this long is closed.
const STREAM_IDLE: Duration = Duration::from_secs(10);
/// Out of descriptors or memory, for example: not at once again.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// A query is a question and a few options.
const LARGEST_QUERY: usize = 4096;

/// The server side that all containers share.
#[derive(Clone, Debug)]
pub struct Dns {
    names: Names,
    upstreams: Arc<Upstreams>,
    under_way: Arc<Semaphore>,
}

/// What one container sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsView {
    /// Networks it is on; names are looked for in this order.
    pub networks: Vec<NetworkId>,
    /// Names it alone sees (`--link`, none usually), before all others.
    pub own: Vec<(String, IpAddr)>,
    /// Resolvers to ask instead of the host's (`--dns`).
    pub upstreams: Vec<IpAddr>,
    /// Whether all its networks are internal: then unknown names are asked nowhere, for a question can carry
    /// anything out.
    pub internal: bool,
}

/// The running server of one container; dropping it ends it.
#[derive(Debug)]
pub struct DnsServer {
    view: Arc<RwLock<Arc<DnsView>>>,
    tasks: [AbortHandle; 2],
}

/// A container's DNS cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The sockets cannot be opened inside the namespace.
    #[error("cannot open the DNS sockets")]
    Sockets(#[source] NetnsError),
    /// The sockets cannot be given to the runtime.
    #[error("cannot serve the DNS sockets")]
    Runtime(#[source] io::Error),
}

impl Dns {
    /// A server that answers from `names`.
    pub fn new(names: Names) -> Self {
        let under_way = Arc::new(Semaphore::new(FORWARDED_AT_ONCE));
        Self { names, upstreams: Arc::default(), under_way }
    }

    /// Starts answering on 127.0.0.11 inside the namespace. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub fn serve(&self, netns: &Netns, view: DnsView) -> Result<DnsServer, ServeError> {
        let DnsSockets { udp, tcp } = netns.dns_sockets().map_err(ServeError::Sockets)?;
        let udp = UdpSocket::from_std(udp).map_err(ServeError::Runtime)?;
        let tcp = TcpListener::from_std(tcp).map_err(ServeError::Runtime)?;
        let view = Arc::new(RwLock::new(Arc::new(view)));
        let server = Arc::new(Server {
            shared: self.clone(),
            view: Arc::clone(&view),
            under_way: Semaphore::new(FORWARDED_BY_ONE),
        });
        let datagrams = tokio::spawn(Arc::clone(&server).datagrams(udp)).abort_handle();
        let streams = tokio::spawn(server.streams(tcp)).abort_handle();
        Ok(DnsServer { view, tasks: [datagrams, streams] })
    }
}

impl DnsServer {
    /// Changes what the container sees, after it was connected or disconnected.
    pub fn set_view(&self, view: DnsView) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// What the tasks of one container share.
struct Server {
    shared: Dns,
    view: Arc<RwLock<Arc<DnsView>>>,
    under_way: Semaphore,
}

/// What to do with a message.
enum Reply {
    Now(Vec<u8>),
    Ask(Arc<DnsView>),
    Nothing,
}

impl Server {
    /// Questions in datagrams. What has to be asked elsewhere goes on beside; all of it ends with this task, so that
    /// nothing keeps the namespace.
    async fn datagrams(self: Arc<Self>, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let mut asked = JoinSet::new();
        let mut buffer = vec![0; LARGEST_QUERY];
        loop {
            while asked.try_join_next().is_some() {}
            let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            };
            let query = &buffer[..length];
            match self.reply(query, Transport::Datagram) {
                Reply::Now(answer) => send(&socket, &answer, client).await,
                Reply::Nothing => {}
                Reply::Ask(view) => {
                    let (server, socket, query) = (Arc::clone(&self), Arc::clone(&socket), query.to_vec());
                    asked.spawn(async move {
                        let answer = server.forward(&query, &view, Transport::Datagram).await;
                        send(&socket, &answer, client).await;
                    });
                }
            }
        }
    }

    /// Questions in streams.
    async fn streams(self: Arc<Self>, listener: TcpListener) {
        let mut open = JoinSet::new();
        loop {
            while open.try_join_next().is_some() {}
            if open.len() >= STREAMS_OF_ONE {
                open.join_next().await;
            }
            match listener.accept().await {
                Ok((stream, _)) => _ = open.spawn(Arc::clone(&self).stream(stream)),
                Err(_) => tokio::time::sleep(AFTER_ERROR).await,
            }
        }
    }

    async fn stream(self: Arc<Self>, mut stream: TcpStream) {
        while let Ok(Ok(query)) = timeout(STREAM_IDLE, read_message(&mut stream)).await {
            let answer = match self.reply(&query, Transport::Stream) {
                Reply::Now(answer) => answer,
                Reply::Ask(view) => self.forward(&query, &view, Transport::Stream).await,
                Reply::Nothing => return,
            };
            if !matches!(timeout(STREAM_IDLE, write_message(&mut stream, &answer)).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    fn reply(&self, message: &[u8], transport: Transport) -> Reply {
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(Malformed(Some(code))) => return Reply::Now(wire::refusal(message, code)),
            Err(Malformed(None)) => return Reply::Nothing,
        };
        let view = Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner));
        match look_up(&query, &view, &self.shared.names) {
            Known::Here(records) => Reply::Now(query.answer(transport, Code::Success, &records)),
            Known::Elsewhere if view.internal => {
                Reply::Now(query.answer(transport, Code::ServerFailure, &[]))
            }
            Known::Elsewhere => Reply::Ask(view),
        }
    }

    /// Asks elsewhere, unless too much is under way.
    async fn forward(&self, query: &[u8], view: &DnsView, transport: Transport) -> Vec<u8> {
        let permits = (self.under_way.try_acquire(), self.shared.under_way.try_acquire());
        let (Ok(_mine), Ok(_all)) = permits else { return failure(query, transport, Code::Refused) };
        let answer = self.shared.upstreams.ask(query, view, transport).await;
        answer.unwrap_or_else(|| failure(query, transport, Code::ServerFailure))
    }
}

fn failure(query: &[u8], transport: Transport, code: Code) -> Vec<u8> {
    match Query::parse(query) {
        Ok(parsed) => parsed.answer(transport, code, &[]),
        Err(_) => wire::refusal(query, code),
    }
}

/// A client that has gone does not want its answer.
async fn send(socket: &UdpSocket, answer: &[u8], client: SocketAddr) {
    let _ = socket.send_to(answer, client).await;
}
