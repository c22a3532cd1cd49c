//! The HTTP server on the Unix socket.

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
use std::{
    convert::Infallible,
    future::Future,
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::{UnixListener, UnixStream};

/// The newest API version that is spoken.
pub const API_VERSION: &str = "1.51";

/// The oldest API version that is accepted.
pub const MIN_API_VERSION: &str = "1.24";

const NEWEST: routes::Version = (1, 51);
const OLDEST: routes::Version = (1, 24);

/// The longest JSON body, in bytes. A compose project with many configs stays far below it.
pub const DOCUMENT_LIMIT: usize = 16 << 20;

const HEAD_LIMIT: usize = 256 << 10;
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

/// The open socket; its file goes with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens on a path that only root may connect to. A socket that nobody listens on any more is replaced.
    ///
    /// Must be called inside a tokio runtime. Assumptions: the caller holds the engine's lock, so that no living engine's
    /// socket is replaced.
    pub fn listen(path: &Path) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { path: path.to_owned(), source };
        // Bound under another name and renamed, so that it is never there with other permissions.
        let fresh = path.with_extension("new");
        let _ = std::fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh).map_err(failed)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
        std::fs::rename(&fresh, path).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whoever may connect is as good as root: owner and group only.
const SOCKET_MODE: u32 = 0o660;

/// Serves the API on a socket until `stop` completes; connections that are then open are dropped.
///
/// Guarantees: one slow or silent client never delays another; a request head must arrive within 30 seconds.
pub async fn serve(engine: Engine, socket: Socket, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            accepted = socket.listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(connection(engine.clone(), stream))),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
}

async fn connection(engine: Engine, stream: UnixStream) {
    let (watched, pending) = (gone::watch(&stream), Pending::default());
    let counted = pending.clone();
    let service = service_fn(move |request| {
        let (engine, pending) = (engine.clone(), counted.clone());
        async move { Ok::<_, Infallible>(pending.during(answer(&engine, request)).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        },
        () = gone::gone(watched, &pending) => tracing::debug!("a client went away before its answer's end"),
    }
}

async fn answer(engine: &Engine, request: Request<Incoming>) -> Reply {
    let version = routes::version_of(request.uri().path());
    let mut reply = route(engine, request).await;
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
