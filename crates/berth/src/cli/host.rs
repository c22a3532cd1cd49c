//! Where an engine listens.

use std::fmt;
use std::path::PathBuf;

/// Where an engine listens. Other kinds of connection are other variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A Unix socket of this machine.
    Unix(PathBuf),
}

/// A text that names no host that can be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    /// A kind of connection that there is none of.
    #[error("cannot connect to {text:?}: only unix:// is supported, not {scheme}://")]
    Scheme {
        /// What was given.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// Not an absolute path, or none at all.
    #[error("invalid host {0:?}: write unix:///path/of/the/socket")]
    Path(String),
}

impl Host {
    /// Reads `unix:///run/berth/berth.sock`; a plain absolute path is a socket too.
    ///
    /// # Errors
    /// Another scheme, or a path that is not absolute.
    pub(crate) fn parse(text: &str) -> Result<Host, HostError> {
        let path = match text.split_once("://") {
            None => text,
            Some(("unix", path)) => path,
            Some((scheme, _)) => {
                return Err(HostError::Scheme { text: text.to_owned(), scheme: scheme.to_owned() });
            }
        };
        if !path.starts_with('/') {
            return Err(HostError::Path(text.to_owned()));
        }
        Ok(Host::Unix(PathBuf::from(path)))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_hosts_and_the_rest_is_refused_by_name() {
        let socket = Host::Unix("/run/b.sock".into());
        assert_eq!(Host::parse("unix:///run/b.sock"), Ok(socket.clone()));
        assert_eq!(
            Host::parse("/run/b.sock").map(|host| host.to_string()),
            Ok("unix:///run/b.sock".to_owned())
        );
        let refused = Host::parse("tcp://10.0.0.1:2375").unwrap_err().to_string();
        assert!(refused.contains("not tcp://"), "{refused}");
        for text in ["", "b.sock", "unix://b.sock"] {
            assert_eq!(Host::parse(text), Err(HostError::Path(text.to_owned())));
        }
    }
}
