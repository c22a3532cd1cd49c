//! Serving one container.

use std::net::IpAddr;

use crate::dns::Names;
use crate::model::NetworkId;
use crate::netns::{Netns, NetnsError};

/// The server side that all containers share.
#[derive(Clone, Debug)]
pub struct Dns {}

/// What one container sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsView {
    /// Networks it is on; names are looked for in this order.
    pub networks: Vec<NetworkId>,
    /// Names it alone sees (`--link`, none usually), before all others.
    pub own: Vec<(String, IpAddr)>,
    /// Resolvers to ask instead of the host's (`--dns`).
    pub upstreams: Vec<IpAddr>,
}

/// The running server of one container; dropping it ends it.
#[derive(Debug)]
pub struct DnsServer {}

/// A container's DNS cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The sockets cannot be opened inside the namespace.
    #[error("cannot open the DNS sockets")]
    Sockets(#[source] NetnsError),
    /// The sockets cannot be given to the runtime.
    #[error("cannot serve the DNS sockets")]
    Runtime(#[source] std::io::Error),
}

impl Dns {
    /// A server that answers from `names`.
    pub fn new(names: Names) -> Self {
        let _ = names;
        todo!()
    }

    /// Starts answering on 127.0.0.11 inside the namespace. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub fn serve(&self, netns: &Netns, view: DnsView) -> Result<DnsServer, ServeError> {
        let _ = (netns, view);
        todo!()
    }
}

impl DnsServer {
    /// Changes what the container sees, after it was connected or disconnected.
    pub fn set_view(&self, view: DnsView) {
        let _ = view;
        todo!()
    }
}
