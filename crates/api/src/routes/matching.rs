//! Matching of a request line against the route table.

use super::{Refusal, Route, all, refused};
use crate::input::percent_decode;
use hyper::Method;

/// An API version as (major, minor).
pub(crate) type Version = (u32, u32);

/// What a request line matched.
#[derive(Debug)]
pub(crate) enum Found {
    /// A route with its path parameters.
    Route(&'static Route, Vec<String>),
    /// The path is known, under other methods.
    OtherMethods(Vec<Method>),
    /// The path is Docker's, and Berth does not do it.
    Refused(&'static Refusal),
    /// Nothing has this path.
    Nothing,
}

/// Splits `/v1.47/rest` into the version and `/rest`.
pub(crate) fn split_version(path: &str) -> (Option<Version>, &str) {
    let parsed = path.strip_prefix("/v").and_then(|rest| {
        let end = rest.find('/').unwrap_or(rest.len());
        let (major, minor) = rest[..end].split_once('.')?;
        Some(((major.parse().ok()?, minor.parse().ok()?), &rest[end..]))
    });
    match parsed {
        Some((version, rest)) => (Some(version), rest),
        None => (None, path),
    }
}

/// The version that a path begins with.
pub(crate) fn version_of(path: &str) -> Option<Version> {
    split_version(path).0
}

/// Finds the route of a request line. The version prefix is taken off and returned.
pub(crate) fn find(method: &Method, path: &str) -> (Option<Version>, Found) {
    let (version, path) = split_version(path);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut other = Vec::new();
    for route in all() {
        if let Some(params) = match_pattern(route.pattern, &segments) {
            if route.method == *method {
                return (version, Found::Route(route, params));
            }
            other.push(route.method.clone());
        }
    }
    let refused = || refused::ALL.iter().find(|refusal| refusal.covers(&segments));
    let found = match refused() {
        Some(refusal) => Found::Refused(refusal),
        None if other.is_empty() => Found::Nothing,
        None => Found::OtherMethods(other),
    };
    (version, found)
}

pub(super) fn match_pattern(pattern: &str, segments: &[&str]) -> Option<Vec<String>> {
    let mut wanted = pattern.split('/').filter(|part| !part.is_empty()).peekable();
    let mut given = segments;
    let mut params = Vec::new();
    while let Some(part) = wanted.next() {
        if part.ends_with("...}") {
            let after = wanted.clone().count();
            let taken = given.len().checked_sub(after).filter(|count| *count > 0)?;
            let name: Vec<String> = given[..taken].iter().map(|part| percent_decode(part, false)).collect();
            params.push(name.join("/"));
            given = &given[taken..];
            continue;
        }
        let (first, rest) = given.split_first()?;
        if part.starts_with('{') {
            params.push(percent_decode(first, false));
        } else if part != *first {
            return None;
        }
        given = rest;
    }
    given.is_empty().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match_pattern(pattern, &segments)
    }

    #[test]
    fn parameters_take_one_segment() {
        assert_eq!(matched("/containers/{id}/json", "/containers/web/json"), Some(vec!["web".into()]));
        assert_eq!(matched("/containers/{id}/json", "/containers/a/b/json"), None);
        assert_eq!(matched("/containers/json", "/containers/json"), Some(vec![]));
    }

    #[test]
    fn image_names_take_all_segments_before_the_rest() {
        let name = matched("/images/{name...}/json", "/images/host:5000/team/app:1/json");
        assert_eq!(name, Some(vec!["host:5000/team/app:1".into()]));
        assert_eq!(matched("/images/{name...}", "/images/team%2Fapp"), Some(vec!["team/app".into()]));
        assert_eq!(matched("/images/{name...}/json", "/images/json"), None);
    }

    #[test]
    fn the_version_prefix_is_taken_off() {
        assert_eq!(split_version("/v1.47/info"), (Some((1, 47)), "/info"));
        assert_eq!(split_version("/volumes"), (None, "/volumes"));
        assert_eq!(split_version("/info"), (None, "/info"));
    }
}
