//! Where an engine listens.

use std::fmt;
use std::path::PathBuf;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A Unix socket of this machine.
    Unix(PathBuf),
    /// `host:port` behind mutual TLS.
    Tcp(String),
    /// Another machine, where `ssh` runs `berth system dial-stdio`.
    Ssh(SshTarget),
}

/// Where `ssh` goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshTarget {
    /// Who to be there; none is what ssh's configuration says.
    pub(crate) user: Option<String>,
    /// The machine, as ssh's configuration knows it.
    pub(crate) host: String,
    /// The port; none is what ssh's configuration says.
    pub(crate) port: Option<u16>,
}

/// A text that names no host that can be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    /// A kind of connection that there is none of.
    #[error("cannot connect to {text:?}: use unix://, ssh:// or tcp:// (with mutual TLS), not {scheme}://")]
    Scheme {
        /// What was given.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// Not an absolute path, or none at all.
    #[error("invalid host {0:?}: write unix:///path/of/the/socket")]
    Path(String),
    /// No host and port.
    #[error("invalid host {0:?}: write tcp://host:port")]
    Address(String),
    /// No user and host.
    #[error("invalid host {0:?}: write ssh://user@host:port; user and port may be left out")]
    Ssh(String),
}

impl Host {
    /// Reads `unix:///run/berth/berth.sock`, `tcp://host:port` or `ssh://user@host`; a plain absolute path is a socket.
    ///
    /// # Errors
    /// Another scheme, or a form that is none of these.
    pub(crate) fn parse(text: &str) -> Result<Host, HostError> {
        match text.split_once("://") {
            None => socket(text, text),
            Some(("unix", path)) => socket(text, path),
            Some(("tcp", address)) => tcp(text, address.trim_end_matches('/')),
            Some(("ssh", target)) => ssh(text, target.trim_end_matches('/')),
            Some((scheme, _)) => Err(HostError::Scheme { text: text.to_owned(), scheme: scheme.to_owned() }),
        }
    }
}

fn socket(text: &str, path: &str) -> Result<Host, HostError> {
    if path.starts_with('/') {
        Ok(Host::Unix(PathBuf::from(path)))
    } else {
        Err(HostError::Path(text.to_owned()))
    }
}

fn tcp(text: &str, address: &str) -> Result<Host, HostError> {
    let parts = address.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'));
    match parts.and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(_) => Ok(Host::Tcp(address.to_owned())),
        None => Err(HostError::Address(text.to_owned())),
    }
}

fn ssh(text: &str, target: &str) -> Result<Host, HostError> {
    let wrong = || HostError::Ssh(text.to_owned());
    let (user, rest) = match target.split_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, target),
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().map_err(|_| wrong())?)),
        None => (rest, None),
    };
    // Neither may be taken for an option of ssh's.
    let usable = |word: &str| !word.is_empty() && !word.starts_with('-') && !word.contains(['/', ' ']);
    if !usable(host) || !user.is_none_or(usable) {
        return Err(wrong());
    }
    Ok(Host::Ssh(SshTarget { user: user.map(str::to_owned), host: host.to_owned(), port }))
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Unix(path) => write!(f, "unix://{}", path.display()),
            Host::Tcp(address) => write!(f, "tcp://{address}"),
            Host::Ssh(target) => write!(f, "ssh://{target}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_sockets_addresses_and_machines() {
        for text in
            ["unix:///run/b.sock", "tcp://10.0.0.1:2376", "tcp://[::1]:2376", "ssh://me@box:22", "ssh://box"]
        {
            assert_eq!(Host::parse(text).map(|host| host.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Host::parse("/run/b.sock"), Ok(Host::Unix("/run/b.sock".into())));
    }

    #[test]
    fn the_rest_is_refused_by_name() {
        let refused = Host::parse("npipe://x").unwrap_err().to_string();
        assert!(refused.contains("not npipe://"), "{refused}");
        for text in ["", "b.sock", "unix://b.sock"] {
            assert_eq!(Host::parse(text), Err(HostError::Path(text.to_owned())));
        }
        for text in ["tcp://", "tcp://host", "tcp://:1", "tcp://a/b:1"] {
            assert_eq!(Host::parse(text), Err(HostError::Address(text.to_owned())));
        }
        for text in ["ssh://", "ssh://-oProxyCommand=x", "ssh://-l@box", "ssh://box:x", "ssh://box/path"] {
            assert_eq!(Host::parse(text), Err(HostError::Ssh(text.to_owned())));
        }
    }
}
