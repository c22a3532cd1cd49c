//! One repository of one registry.

use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue, RANGE};
use hyper::{Method, Response, StatusCode};
use image::manifest::{MAX_DOCUMENT, media};
use image::{Digest, Reference};

use super::Limits;
use crate::RegistryError;
use crate::auth::{Authority, Challenge, Credentials};
use crate::http::{Ask, Body, Http, empty};
use crate::settings::Endpoint;

/// The manifests that are understood.
const MANIFESTS: [&str; 4] = [media::MANIFEST, media::INDEX, media::DOCKER_MANIFEST, media::DOCKER_LIST];

/// Connections to a registry, and the right to use one repository of it.
pub(crate) struct Session {
    pub(crate) http: Http,
    pub(crate) endpoint: Endpoint,
    /// The repository; empty for the registry as a whole.
    pub(crate) repository: String,
    authority: Authority,
}

/// A document and its digest.
pub(crate) struct Fetched {
    pub(crate) content: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
}

impl Session {
    /// `actions` as registries write them (`pull`, `pull,push`).
    pub(crate) fn new(
        endpoint: Endpoint,
        repository: &str,
        actions: &str,
        credentials: Option<Credentials>,
        limits: Limits,
    ) -> Result<Self, RegistryError> {
        let tls = endpoint.base.starts_with("https:");
        let http = Http::new(endpoint.ca_file.as_deref(), tls, limits)?;
        let scope = match repository {
            "" => String::new(),
            repository => format!("repository:{repository}:{actions}"),
        };
        let authority = Authority::new(credentials.filter(|_| !endpoint.mirror), scope);
        Ok(Self { http, endpoint, repository: repository.to_owned(), authority })
    }

    pub(crate) fn host(&self) -> &str {
        self.endpoint.host()
    }

    /// An address below the repository.
    pub(crate) fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.endpoint.base, self.repository)
    }

    /// Sends a request that reads, and answers a challenge once or twice (a token may have run out).
    pub(crate) async fn read(
        &self,
        method: Method,
        header: Option<(HeaderName, HeaderValue)>,
        url: &str,
        what: &str,
    ) -> Result<Response<Incoming>, RegistryError> {
        let mut attempt = 0;
        loop {
            let used = self.authority.header().await;
            let mut ask = Ask::new(method.clone(), url, what).with(AUTHORIZATION, used.clone());
            ask.headers.extend(header.clone());
            let response = self.http.read(ask).await?;
            attempt += 1;
            if attempt > 2 || !self.challenged(&response, used.as_ref()).await? {
                return Ok(response);
            }
        }
    }

    /// Sends a request that changes something; `body` is made anew for each attempt.
    pub(crate) async fn write(
        &self,
        method: Method,
        url: &str,
        what: &str,
        kind: Option<&str>,
        body: &(dyn Fn() -> Result<(Body, u64), RegistryError> + Sync),
    ) -> Result<Response<Incoming>, RegistryError> {
        let mut attempt = 0;
        loop {
            let used = self.authority.header().await;
            let (content, length) = body()?;
            let mut ask = Ask::new(method.clone(), url, what)
                .with(AUTHORIZATION, used.clone())
                .with(hyper::header::CONTENT_LENGTH, Some(length.into()));
            if let Some(kind) = kind {
                ask = ask.with(hyper::header::CONTENT_TYPE, HeaderValue::from_str(kind).ok());
            }
            let response = self.http.write(ask, content).await?;
            attempt += 1;
            if attempt > 2 || !self.challenged(&response, used.as_ref()).await? {
                return Ok(response);
            }
        }
    }

    /// Whether the answer is a challenge that was answered: the request is to be sent again.
    async fn challenged(
        &self,
        response: &Response<Incoming>,
        used: Option<&HeaderValue>,
    ) -> Result<bool, RegistryError> {
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(false);
        }
        match Challenge::of(response.headers()) {
            None => Ok(false),
            Some(challenge) => self.authority.answer(&self.http, &self.endpoint.base, &challenge, used).await,
        }
    }

    /// Makes sure that the user may use the repository, before a body is sent for nothing.
    pub(crate) async fn ping(&self) -> Result<(), RegistryError> {
        let url = format!("{}/v2/", self.endpoint.base);
        let mut response = self.read(Method::GET, None, &url, "its API").await?;
        match response.status() {
            StatusCode::OK => Ok(()),
            _ => Err(self.refusal(&mut response, "its API").await),
        }
    }

    /// The manifest or index of a tag or digest, checked against the digest.
    pub(crate) async fn manifest(
        &self,
        tag_or_digest: &str,
        expected: Option<&Digest>,
        what: &str,
    ) -> Result<Fetched, RegistryError> {
        let url = self.url(&format!("manifests/{tag_or_digest}"));
        let accept = HeaderValue::from_str(&MANIFESTS.join(", ")).ok();
        let accept = accept.map(|accept| (ACCEPT, accept));
        let mut response = self.read(Method::GET, accept, &url, what).await?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(&mut response, what).await);
        }
        let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let kind = header("content-type").unwrap_or_default();
        let media_type = kind.split(';').next().unwrap_or_default().trim().to_owned();
        let claimed: Option<Digest> = header("docker-content-digest").and_then(|text| text.parse().ok());
        let content = self.document(&mut response, what).await?;
        if media_type == media::DOCKER_V1 || media_type == media::DOCKER_V1_SIGNED {
            return Err(RegistryError::Schema1 { host: self.host().to_owned(), what: what.to_owned() });
        }
        let digest = Digest::of(&content);
        match expected.or(claimed.as_ref()) {
            Some(expected) if *expected != digest => Err(RegistryError::Digest {
                host: self.host().to_owned(),
                what: what.to_owned(),
                expected: *expected,
                found: digest,
            }),
            _ => Ok(Fetched { content, digest, media_type }),
        }
    }

    /// A small blob, checked against its digest.
    pub(crate) async fn small_blob(&self, digest: &Digest, what: &str) -> Result<Vec<u8>, RegistryError> {
        let mut response = self.blob(digest, 0, what).await?;
        let content = self.document(&mut response, what).await?;
        match Digest::of(&content) {
            found if found == *digest => Ok(content),
            found => Err(RegistryError::Digest {
                host: self.host().to_owned(),
                what: what.to_owned(),
                expected: *digest,
                found,
            }),
        }
    }

    /// A blob from a byte on; the answer's status says whether the range was taken.
    pub(crate) async fn blob(
        &self,
        digest: &Digest,
        from: u64,
        what: &str,
    ) -> Result<Response<Incoming>, RegistryError> {
        let url = self.url(&format!("blobs/{digest}"));
        let range = (from > 0).then(|| HeaderValue::from_str(&format!("bytes={from}-")).ok()).flatten();
        let mut response = self.read(Method::GET, range.map(|range| (RANGE, range)), &url, what).await?;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
            _ => Err(self.refusal(&mut response, what).await),
        }
    }

    /// Whether the registry has a blob or manifest (`blobs/…`, `manifests/…`) in the repository.
    pub(crate) async fn has(&self, rest: &str, what: &str) -> Result<bool, RegistryError> {
        let mut response = self.read(Method::HEAD, None, &self.url(rest), what).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refusal(&mut response, what).await),
        }
    }

    /// An answer's body, within the limit for documents.
    pub(crate) async fn document(
        &self,
        response: &mut Response<Incoming>,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let content = self.http.whole(self.host(), response.body_mut(), MAX_DOCUMENT).await?;
        let too_long = || RegistryError::TooLong { host: self.host().to_owned(), what: what.to_owned() };
        content.map(Vec::from).ok_or_else(too_long)
    }

    /// The error an answer stands for.
    pub(crate) async fn refusal(&self, response: &mut Response<Incoming>, what: &str) -> RegistryError {
        let (host, what) = (self.host().to_owned(), what.to_owned());
        let status = response.status();
        let message = self.http.message(&host, response.body_mut()).await;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryError::Denied { host, what, message },
            StatusCode::NOT_FOUND => RegistryError::NotFound { host, what },
            status => RegistryError::Status { host, what, status: status.as_u16(), message },
        }
    }
}

/// What is asked for of a name: its digest if it has one.
pub(crate) fn tag_or_digest(reference: &Reference) -> String {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or("latest").to_owned(),
    }
}

/// A request without a body.
pub(crate) fn no_body() -> Result<(Body, u64), RegistryError> {
    Ok((empty(), 0))
}
