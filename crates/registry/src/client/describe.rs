//! What a registry has, without fetching it: the descriptor of a name, and the names of a repository.

use hyper::header::LINK;
use hyper::{Method, StatusCode};
use image::manifest::{Document, Platform};
use image::{Digest, Reference};
use serde::Deserialize;

use super::Limits;
use super::session::{Fetched, Session, tag_or_digest};
use crate::RegistryError;
use crate::auth::Credentials;
use crate::settings::Settings;

/// Tags of one repository that are read.
const MAX_TAGS: usize = 10_000;

/// What a name stands for at a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Media type of the manifest or index.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What the image runs on; of an index, all of its images.
    pub platforms: Vec<Platform>,
}

/// Asks a registry what a name stands for.
///
/// # Errors
/// See [`RegistryError`].
pub async fn describe(
    settings: &Settings,
    reference: &Reference,
    credentials: Option<Credentials>,
    limits: Limits,
) -> Result<Description, RegistryError> {
    let session =
        Session::new(settings.endpoint(reference.domain()), reference.path(), "pull", credentials, limits)?;
    let what = reference.familiar();
    let found = session.manifest(&tag_or_digest(reference), reference.digest(), &what).await?;
    let platforms = platforms(&session, &found, &what).await?;
    let size = found.content.len() as u64;
    Ok(Description { media_type: found.media_type, digest: found.digest, size, platforms })
}

async fn platforms(session: &Session, found: &Fetched, what: &str) -> Result<Vec<Platform>, RegistryError> {
    let document = |what| {
        let host = session.host().to_owned();
        move |source| RegistryError::Document { host, what, source }
    };
    match Document::parse(&found.content).map_err(document("a manifest"))? {
        Document::Index(index) => Ok(index.manifests.into_iter().filter_map(|one| one.platform).collect()),
        Document::Manifest(manifest) => {
            let what = format!("the configuration of {what}");
            let config = session.small_blob(&manifest.config.digest, &what).await?;
            // Artifacts that are no images have a configuration of another form.
            Ok(serde_json::from_slice(&config).into_iter().collect())
        }
    }
}

#[derive(Deserialize)]
struct TagList {
    /// Some registries say `null` for none.
    tags: Option<Vec<String>>,
}

/// The tags of a reference's repository, in the registry's order.
///
/// # Errors
/// See [`RegistryError`].
pub async fn tags(
    settings: &Settings,
    repository: &Reference,
    credentials: Option<Credentials>,
    limits: Limits,
) -> Result<Vec<String>, RegistryError> {
    let endpoint = settings.endpoint(repository.domain());
    let base = endpoint.base.clone();
    let session = Session::new(endpoint, repository.path(), "pull", credentials, limits)?;
    let what = format!("the tags of {}", repository.familiar_name());
    let (mut all, mut next) = (Vec::new(), Some(session.url("tags/list")));
    while let Some(url) = next.take() {
        let mut response = session.read(Method::GET, None, &url, &what).await?;
        if response.status() != StatusCode::OK {
            return Err(session.refusal(&mut response, &what).await);
        }
        let link = response.headers().get(LINK).and_then(|link| link.to_str().ok());
        next = link.and_then(next_page).map(|path| absolute(&base, path));
        let content = session.document(&mut response, &what).await?;
        let list: TagList = serde_json::from_slice(&content).map_err(|source| RegistryError::Document {
            host: session.host().to_owned(),
            what: "a list of tags",
            source,
        })?;
        let list = list.tags.unwrap_or_default();
        // A page without anything new would lead to itself for ever.
        if list.is_empty() || all.len() + list.len() > MAX_TAGS {
            next = None;
        }
        all.extend(list.into_iter().take(MAX_TAGS - all.len()));
    }
    Ok(all)
}

/// The address in `<address>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (address, relation) = link.trim().strip_prefix('<')?.split_once('>')?;
    relation.contains("next").then_some(address)
}

/// An address of the same registry; another host's is not followed with its credentials.
fn absolute(base: &str, address: &str) -> String {
    match address.strip_prefix(base).filter(|path| path.starts_with('/')) {
        Some(path) => format!("{base}{path}"),
        None => format!("{base}/{}", address.trim_start_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_to_the_next_of_the_same_registry() {
        assert_eq!(next_page("</v2/a/tags/list?last=1>; rel=\"next\""), Some("/v2/a/tags/list?last=1"));
        assert_eq!(next_page("</v2/a>; rel=\"prev\""), None);
        assert_eq!(absolute("http://r:5000", "/v2/a"), "http://r:5000/v2/a");
        assert_eq!(absolute("http://r:5000", "http://r:5000/v2/a"), "http://r:5000/v2/a");
        assert_eq!(absolute("http://r:50", "http://r:5000/v2"), "http://r:50/http://r:5000/v2");
        assert_eq!(absolute("http://r:5000", "http://other/v2/a"), "http://r:5000/http://other/v2/a");
    }
}
