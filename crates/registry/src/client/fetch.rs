//! Fetching a file by its address, for `ADD` and `import`.

use std::io::Write;

use hyper::StatusCode;
use hyper::header::{ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};

use super::Limits;
use crate::RegistryError;
use crate::http::{Ask, Http, host, uri};

/// What a server told of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The copy that is there is still good; nothing was written.
    pub not_modified: bool,
    /// The content's validator.
    pub etag: Option<String>,
    /// When it was changed (an HTTP date).
    pub last_modified: Option<String>,
    /// `Content-Disposition` as sent.
    pub disposition: Option<String>,
}

/// Fetches an `http` or `https` address; redirects are followed. `etag` and `last_modified` are those of a copy.
///
/// # Errors
/// Any status but 200 and 304; what was written to `to` by then means nothing.
pub async fn fetch(
    url: &str,
    etag: Option<&str>,
    last_modified: Option<&str>,
    limits: Limits,
    to: &mut (dyn Write + Send),
) -> Result<Fetched, FetchFailure> {
    let host = host(&uri(url)?);
    let http = Http::new(None, true, limits)?;
    let header = |text: Option<&str>| text.and_then(|text| HeaderValue::from_str(text).ok());
    let ask =
        Ask::get(url, url).with(IF_NONE_MATCH, header(etag)).with(IF_MODIFIED_SINCE, header(last_modified));
    let mut response = http.read(ask).await?;
    let own = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let fetched = Fetched {
        not_modified: response.status() == StatusCode::NOT_MODIFIED,
        etag: own(ETAG),
        last_modified: own(LAST_MODIFIED),
        disposition: own(hyper::header::CONTENT_DISPOSITION),
    };
    match response.status() {
        StatusCode::NOT_MODIFIED => return Ok(fetched),
        StatusCode::OK => {}
        status => {
            let message = http.message(&host, response.body_mut()).await;
            let error =
                RegistryError::Status { host, what: url.to_owned(), status: status.as_u16(), message };
            return Err(error.into());
        }
    }
    let wanted: Option<u64> = response
        .headers()
        .get(hyper::header::CONTENT_LENGTH)
        .and_then(|text| text.to_str().ok()?.parse().ok());
    let mut got = 0;
    while let Some(piece) = http.piece(&host, response.body_mut()).await? {
        got += piece.len() as u64;
        to.write_all(&piece).map_err(FetchFailure::Write)?;
    }
    match wanted {
        Some(wanted) if wanted != got => {
            Err(RegistryError::Protocol { host, reason: format!("it sent {got} of {wanted} bytes of {url}") }
                .into())
        }
        _ => Ok(fetched),
    }
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchFailure {
    /// The other side, or the way there.
    #[error(transparent)]
    Remote(#[from] RegistryError),
    /// Writing it here failed.
    #[error("cannot write what was fetched")]
    Write(#[source] std::io::Error),
}
