//! The route table: method and path pattern to a parser.

#[cfg(test)]
mod document;
mod matching;
mod refused;

pub(crate) use matching::{Found, Version, find, version_of};
pub(crate) use refused::Refusal;

use crate::{action::Action, error::BadRequest, input::Input};
use hyper::Method;

/// How a route takes its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// The body, if any, is ignored.
    None,
    /// Read whole, up to [`crate::server::DOCUMENT_LIMIT`].
    Document,
    /// Handed to the action unread.
    Stream,
}

/// One call of the API.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Segments separated by `/`; `{name}` takes one segment, `{name...}` one or more.
    pub(crate) pattern: &'static str,
    pub(crate) body: BodyKind,
    /// What it does, for the documentation.
    #[cfg_attr(not(test), expect(dead_code, reason = "the documentation is made from it"))]
    pub(crate) about: &'static str,
    pub(crate) parse: fn(Input) -> Result<Action, BadRequest>,
}

/// The routes of one resource.
pub(crate) type Table = &'static [Route];

macro_rules! routes {
    ($($method:ident $pattern:literal $body:ident $about:literal => $parse:expr;)*) => {
        &[$(crate::routes::Route {
            method: hyper::Method::$method,
            pattern: $pattern,
            body: crate::routes::BodyKind::$body,
            about: $about,
            parse: $parse,
        }),*]
    };
}
pub(crate) use routes;

/// The number of resources.
const SECTIONS: usize = 9;

/// All routes, resource by resource.
fn sections() -> [(&'static str, Table); SECTIONS] {
    use crate::action as a;
    [
        ("System", a::system::ROUTES),
        ("Containers", a::containers::ROUTES),
        ("Commands in containers", a::exec::ROUTES),
        ("Images that come and go", a::transfer::ROUTES),
        ("Images", a::images::ROUTES),
        ("Networks", a::networks::ROUTES),
        ("Volumes", a::volumes::ROUTES),
        ("Builds", a::build::ROUTES),
        ("Projects", a::projects::ROUTES),
    ]
}

/// All routes.
fn all() -> impl Iterator<Item = &'static Route> {
    sections().into_iter().flat_map(|(_, table)| table)
}
