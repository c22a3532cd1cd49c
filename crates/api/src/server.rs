//! The HTTP server on the Unix socket, and behind mutual TLS on TCP.

mod peer;
mod socket;
mod tls;

pub use socket::Socket;
pub use tls::{TlsError, TlsFiles, TlsListener};

use crate::{
    action,
    error::{BadRequest, bad_request, failure},
    gone::{self, Pending},
    hijack::{self, Framing},
    input::{Input, Payload, Query},
    intake,
    reply::Reply,
    routes::{self, BodyKind, Found},
};
use engine::Engine;
use hyper::{Method, Request, StatusCode, body::Incoming, header, header::HeaderValue, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use peer::Peer;
use std::{convert::Infallible, future::Future, io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};

/// The newest API version that is spoken.
pub const API_VERSION: &str = "1.51";

/// The oldest API version that is accepted.
pub const MIN_API_VERSION: &str = "1.24";

const NEWEST: routes::Version = (1, 51);
const OLDEST: routes::Version = (1, 24);

/// The longest JSON body, in bytes. A compose project with many configs stays far below it.
pub const DOCUMENT_LIMIT: usize = 16 << 20;

/// The longest head of a request, and what a slow reader may have waiting; in bytes.
const HEAD_LIMIT: usize = 64 << 10;
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket cannot be made.
    #[error("cannot listen on {}", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// Serves the API on a socket, and on a TCP port if there is one, until `stop` completes; connections that are then open
/// are dropped.
///
/// Guarantees: one slow or silent client never delays another; a request head must arrive within 30 seconds.
pub async fn serve(engine: Engine, socket: Socket, tcp: Option<TlsListener>, stop: impl Future<Output = ()>) {
    let local = async {
        loop {
            match socket.listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(local(engine.clone(), stream))),
                Err(error) => not_accepted(&error).await,
            }
        }
    };
    let remote = async {
        let Some(tcp) = &tcp else { return std::future::pending().await };
        loop {
            match tcp.accept().await {
                Ok(waiting) => drop(tokio::spawn(remote(engine.clone(), waiting))),
                Err(error) => not_accepted(&error).await,
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = local => {}
        () = remote => {}
    }
}

/// A client that leaves before it is accepted is the usual reason; no descriptors left, another, which passes.
async fn not_accepted(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Serves a client of this host.
async fn local(engine: Engine, stream: UnixStream) {
    let (watched, pending) = (gone::watch(&stream), Pending::default());
    let peer = Peer::of(&stream);
    tokio::select! {
        () = connection(engine, stream, peer, Closing::Half, pending.clone()) => {}
        () = gone::gone(watched, &pending) => tracing::debug!("a client went away before its answer's end"),
    }
}

/// Serves a client of another host, once it has shown who it is.
async fn remote(engine: Engine, waiting: tls::Waiting) {
    match waiting.handshake().await {
        Ok((stream, peer)) => connection(engine, stream, peer, Closing::Whole, Pending::default()).await,
        Err(error) => tracing::info!(%error, "a client without a certificate of the authority was refused"),
    }
}

/// What the end of a client's input means before its answer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// Nothing: it still reads. That it has gone is told otherwise.
    Half,
    /// It has gone.
    Whole,
}

async fn connection<S>(engine: Engine, stream: S, peer: Peer, closing: Closing, pending: Pending)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = Arc::new(peer);
    let service = service_fn(move |request| {
        let (engine, pending, peer) = (engine.clone(), pending.clone(), Arc::clone(&peer));
        async move { Ok::<_, Infallible>(pending.during(answer(&engine, &peer, request)).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .half_close(closing == Closing::Half)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(engine: &Engine, peer: &Peer, request: Request<Incoming>) -> Reply {
    let version = routes::version_of(request.uri().path());
    let change = (!matches!(*request.method(), Method::GET | Method::HEAD))
        .then(|| (request.method().clone(), request.uri().path().to_owned()));
    let mut reply = route(engine, request).await;
    if let Some((method, path)) = change {
        tracing::info!(%peer, %method, %path, status = reply.status().as_u16(), "change");
    }
    let headers = reply.headers_mut();
    // Older clients know one media type for both framings.
    if version.is_some_and(|version| version < hijack::MULTIPLEXED_SINCE)
        && headers.get(header::CONTENT_TYPE).is_some_and(|value| value == Framing::Multiplexed.content_type())
    {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Framing::Raw.content_type()));
    }
    headers.insert("api-version", HeaderValue::from_static(API_VERSION));
    headers.insert("ostype", HeaderValue::from_static("linux"));
    headers.insert(header::SERVER, HeaderValue::from_static(concat!("Berth/", env!("CARGO_PKG_VERSION"))));
    reply
}

async fn route(engine: &Engine, request: Request<Incoming>) -> Reply {
    let (version, found) = routes::find(request.method(), request.uri().path());
    if let Some(problem) = version.and_then(version_problem) {
        intake::drain(request.into_body()).await;
        return failure(StatusCode::BAD_REQUEST, problem);
    }
    let (route, params) = match found {
        Found::Route(route, params) => (route, params),
        other => {
            let refusal = refuse(&other, request.method());
            intake::drain(request.into_body()).await;
            return refusal;
        }
    };
    let version = version.unwrap_or(NEWEST);
    let input = match read(route, params, version, request).await {
        Ok(input) => input,
        Err(error) => return bad_request(&error),
    };
    match (route.parse)(input) {
        Ok(action) => action::execute(engine, action).await,
        Err(error) => bad_request(&error),
    }
}

/// The answer to a request that no route takes.
fn refuse(found: &Found, method: &Method) -> Reply {
    match found {
        Found::Refused(refusal) => failure(refusal.status(), refusal.message),
        Found::OtherMethods(methods) => {
            let allowed: Vec<String> = methods.iter().map(ToString::to_string).collect();
            let message = format!("this path takes {}, not {method}", allowed.join(", "));
            failure(StatusCode::METHOD_NOT_ALLOWED, message)
        }
        Found::Route(..) | Found::Nothing => failure(StatusCode::NOT_FOUND, "page not found"),
    }
}

fn version_problem(version: routes::Version) -> Option<String> {
    let (major, minor) = version;
    if version < OLDEST {
        return Some(format!(
            "client version {major}.{minor} is too old. Minimum supported API version is {MIN_API_VERSION}, \
             please upgrade your client to a newer version"
        ));
    }
    (version > NEWEST).then(|| {
        format!("client version {major}.{minor} is too new. Maximum supported API version is {API_VERSION}")
    })
}

async fn read(
    route: &routes::Route,
    params: Vec<String>,
    version: routes::Version,
    mut request: Request<Incoming>,
) -> Result<Input, BadRequest> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let upgrade = request.headers().contains_key(header::UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let payload = match route.body {
        BodyKind::None => {
            // A client that wants the connection itself goes on to send what is not a body.
            if upgrade.is_none() {
                intake::drain(body).await;
            }
            Payload::None
        }
        BodyKind::Stream => Payload::Stream(body),
        BodyKind::Document => Payload::Document(intake::document(body).await?),
    };
    Ok(Input { params, query, payload, upgrade, headers: head.headers, version })
}
