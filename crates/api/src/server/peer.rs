//! Who is at the other end of a connection.

use std::{fmt, net::SocketAddr};
use tokio::net::UnixStream;

/// The other end of a connection, as it stands in the log of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// A process of this host, by the kernel's word.
    Process { pid: Option<i32>, uid: u32 },
    /// A machine that has shown a certificate of the authority, by the certificate's SHA-256 digest.
    Certificate { address: SocketAddr, digest: String },
    /// The kernel does not say.
    Unknown,
}

impl Peer {
    pub(super) fn of(stream: &UnixStream) -> Self {
        match stream.peer_cred() {
            Ok(credentials) => Self::Process { pid: credentials.pid(), uid: credentials.uid() },
            Err(_) => Self::Unknown,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid: Some(pid), uid } => write!(f, "uid {uid}, process {pid}"),
            Self::Process { pid: None, uid } => write!(f, "uid {uid}"),
            Self::Certificate { address, digest } => write!(f, "{address}, certificate {digest}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_known_by_the_kernel() {
        let (one, _other) = UnixStream::pair().unwrap();
        let pid = std::process::id();
        let shown = Peer::of(&one).to_string();
        assert!(shown.ends_with(&format!("process {pid}")), "{shown}");
    }
}
