//! The specification's paths.

use image::{Digest, Reference};

use super::reply::Refusal;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `/v2/`
    Base,
    Catalog,
    Tags,
    /// A tag or a digest.
    Manifest(String),
    Blob(Digest),
    /// Where uploads begin.
    Uploads,
    Upload(String),
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) repository: String,
    pub(super) target: Target,
}

impl Route {
    pub(super) fn parse(path: &str) -> Result<Self, Refusal> {
        let rest = path.strip_prefix("/v2").ok_or(Refusal::NoPath)?;
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        let (repository, target) = match parts.as_slice() {
            [] => (&[][..], Target::Base),
            ["_catalog"] => (&[][..], Target::Catalog),
            [name @ .., "tags", "list"] => (name, Target::Tags),
            [name @ .., "blobs", "uploads"] => (name, Target::Uploads),
            [name @ .., "blobs", "uploads", id] => (name, Target::Upload((*id).to_owned())),
            [name @ .., "blobs", digest] => (name, Target::Blob(digest_of(digest)?)),
            [name @ .., "manifests", reference] => (name, Target::Manifest(reference.replace("%3A", ":"))),
            _ => return Err(Refusal::NoPath),
        };
        if matches!(target, Target::Base | Target::Catalog) {
            return Ok(Self { repository: String::new(), target });
        }
        let repository = repository.join("/");
        match Reference::parse(&repository) {
            Ok(_) => Ok(Self { repository, target }),
            Err(error) => Err(Refusal::Name(error.to_string())),
        }
    }
}

pub(super) fn digest_of(text: &str) -> Result<Digest, Refusal> {
    text.replace("%3A", ":").replace("%3a", ":").parse().map_err(|_| Refusal::Digest(text.to_owned()))
}

/// The value of a key in a query.
pub(super) fn query<'a>(query: Option<&'a str>, key: &str) -> Option<&'a str> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> (String, Target) {
        let route = Route::parse(path).unwrap_or_else(|_| panic!("{path}"));
        (route.repository, route.target)
    }

    #[test]
    fn paths_are_read() {
        let digest = Digest::of(b"x");
        assert_eq!(target("/v2/").1, Target::Base);
        assert_eq!(target("/v2/_catalog").1, Target::Catalog);
        assert_eq!(target("/v2/a/b/tags/list"), ("a/b".into(), Target::Tags));
        assert_eq!(target("/v2/a/manifests/1"), ("a".into(), Target::Manifest("1".into())));
        assert_eq!(target(&format!("/v2/a/blobs/{digest}")), ("a".into(), Target::Blob(digest)));
        assert_eq!(target("/v2/a/blobs/uploads/"), ("a".into(), Target::Uploads));
        assert_eq!(target("/v2/a/blobs/uploads/7"), ("a".into(), Target::Upload("7".into())));
        for bad in [
            "/",
            "/v1/a",
            "/v2/a",
            "/v2/../x/tags/list",
            "/v2/A/tags/list",
            "/v2/a/blobs/sha256:0",
            "/v2/tags/list",
        ] {
            assert!(Route::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn queries_are_read() {
        assert_eq!(query(Some("a=1&mount=x"), "mount"), Some("x"));
        assert_eq!(query(None, "mount"), None);
    }
}
