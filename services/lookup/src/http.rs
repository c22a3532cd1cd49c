//! The HTTP client that ClickHouse and the paste service are spoken to with.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, StatusCode, Uri, header};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{sync::Arc, time::Duration};

/// Answers above this are refused.
const MAX_ANSWER: usize = 16 << 20;
const IDLE: Duration = Duration::from_secs(20);

/// A client that keeps connections, with a time limit for each request as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limit: Duration,
}

/// The system's certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "TLS cannot be set up with the certificates of this system (SSL_CERT_FILE names another file of them)"
)]
pub(crate) struct TlsError(#[source] rustls::Error);

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The connection could not be made or broke.
    #[error("the request could not be made")]
    Request(#[source] hyper_util::client::legacy::Error),
    /// The answer broke off or is too long.
    #[error("the answer broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

impl Client {
    /// A client whose requests may take as long as `limit`, to servers with at most `idle` idle connections kept.
    pub(crate) fn new(limit: Duration, idle: usize, tls: bool) -> Result<Self, TlsError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limit.min(Duration::from_secs(5))));
        tcp.set_keepalive(Some(Duration::from_secs(15)));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(idle)
            .build(connector);
        Ok(Self { pool, limit })
    }

    /// Makes a request and reads the answer to its end.
    pub(crate) async fn call(&self, request: Request<Full<Bytes>>) -> Result<Answer, CallError> {
        let work = async {
            let answer = self.pool.request(request).await.map_err(CallError::Request)?;
            let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
            let retry_after =
                header(header::RETRY_AFTER).and_then(|value| retry_after(value, header(header::DATE)));
            let status = answer.status();
            let body =
                Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(CallError::Body)?;
            Ok(Answer { status, retry_after, body: body.to_bytes() })
        };
        tokio::time::timeout(self.limit, work).await.unwrap_or(Err(CallError::TooSlow(self.limit)))
    }

    /// Whether an address answers a GET with success.
    pub(crate) async fn answers(&self, address: &Uri) -> bool {
        let request = Request::get(address.clone()).body(Full::default());
        let Ok(request) = request else { return false };
        self.call(request).await.is_ok_and(|answer| answer.status.is_success())
    }
}

fn tls_config(tls: bool) -> Result<rustls::ClientConfig, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    if tls {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(TlsError)?.with_root_certificates(roots).with_no_client_auth())
}

/// Reads the header Retry-After (RFC 9110 §10.2.3): seconds, or a date, which is compared with the date of the answer.
///
/// No clock of ours is asked: it may be set wrongly, or be set just now.
fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let answered = httpdate::parse_http_date(date?.trim()).ok()?;
    Some(until.duration_since(answered).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: Option<&str> = Some("Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date_of_each_notation() {
        assert_eq!(retry_after(" 120 ", None), Some(Duration::from_secs(120)));
        for date in
            ["Sun, 06 Nov 1994 08:51:37 GMT", "Sunday, 06-Nov-94 08:51:37 GMT", "Sun Nov  6 08:51:37 1994"]
        {
            assert_eq!(retry_after(date, DATE), Some(Duration::from_secs(120)), "{date}");
        }
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", DATE), Some(Duration::ZERO), "it is over");
    }

    #[test]
    fn a_date_without_that_of_the_answer_says_nothing() {
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:51:37 GMT", None), None);
        for rubbish in ["", "soon", "-1", "1.5", "99999999999999999999999", "Sun, 99 Nov 1994 08:51:37 GMT"] {
            assert_eq!(retry_after(rubbish, DATE), None, "{rubbish}");
        }
    }
}
