//! Calls of the Docker Engine API that are refused, with what to use instead.

use super::matching::match_pattern;
use hyper::StatusCode;

/// Calls that Berth does not offer.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The paths, as in [`super::Route::pattern`].
    pub(crate) patterns: &'static [&'static str],
    /// The whole of what the client is told.
    pub(crate) message: &'static str,
    /// The service could be there and is not (503), rather than being unknown here (501).
    unavailable: bool,
}

impl Refusal {
    /// The status of the reply.
    pub(crate) fn status(&self) -> StatusCode {
        if self.unavailable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NOT_IMPLEMENTED }
    }

    pub(super) fn covers(&self, segments: &[&str]) -> bool {
        self.patterns.iter().any(|pattern| match_pattern(pattern, segments).is_some())
    }
}

macro_rules! below {
    ($($root:literal),*) => { &[$($root, concat!($root, "/{rest...}")),*] };
}

/// All that is refused.
pub(crate) const ALL: &[Refusal] = &[
    Refusal {
        patterns: below!("/swarm", "/nodes"),
        message: "Berth runs on one host and has no swarm mode: describe services in a compose file and bring them up \
                  with `berth up`; for more than one host use Kubernetes",
        unavailable: true,
    },
    Refusal {
        patterns: below!("/services", "/tasks"),
        message: "Berth has no swarm services: describe the service in a compose file, and bring it up with \
                  `berth up --scale SERVICE=N`",
        unavailable: true,
    },
    Refusal {
        patterns: below!("/secrets"),
        message: "Berth has no swarm secrets: declare `secrets:` with `file:` or `environment:` in the compose file",
        unavailable: true,
    },
    Refusal {
        patterns: below!("/configs"),
        message: "Berth has no swarm configs: declare `configs:` with `file:` or `content:` in the compose file",
        unavailable: true,
    },
    Refusal {
        patterns: below!("/plugins"),
        message: "Berth has no plug-ins: volumes are of the driver local (bind mounts, and what mount(8) can mount by \
                  `--opt type=… --opt device=…`), networks of bridge, host and none",
        unavailable: true,
    },
    Refusal {
        patterns: &["/session", "/grpc"],
        message: "BuildKit sessions are not offered: build with DOCKER_BUILDKIT=0, or with `berth build`, which has \
                  the whole Dockerfile reference",
        unavailable: false,
    },
    Refusal {
        patterns: &["/images/search"],
        message: "registries are not searched: look the image up on its registry's own pages, then pull it by name",
        unavailable: false,
    },
];

#[cfg(test)]
mod tests {
    use crate::routes::{Found, find};
    use hyper::Method;

    fn refused(path: &str) -> Option<(u16, &'static str)> {
        match find(&Method::GET, path).1 {
            Found::Refused(refusal) => Some((refusal.status().as_u16(), refusal.message)),
            _ => None,
        }
    }

    #[test]
    fn swarm_is_unavailable_and_says_what_to_use() {
        for path in ["/v1.41/swarm", "/nodes/x/update", "/services", "/tasks/1/logs"] {
            let (status, message) = refused(path).unwrap();
            assert_eq!(status, 503, "{path}");
            assert!(message.contains("berth up"), "{message}");
        }
    }

    #[test]
    fn sessions_are_not_implemented() {
        assert_eq!(refused("/images/search").unwrap().0, 501);
        let (status, message) = refused("/v1.51/session").unwrap();
        assert_eq!(status, 501);
        assert!(message.contains("DOCKER_BUILDKIT=0"), "{message}");
    }

    #[test]
    fn what_is_unknown_stays_unknown() {
        assert!(refused("/nonsense").is_none());
    }
}
