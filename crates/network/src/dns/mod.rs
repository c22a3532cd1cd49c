//! The embedded DNS server: names of containers, and everything else from the host's resolvers.
//!
//! Long-lived tasks: one per served container (input: its two sockets inside the namespace, [`Names`]; output:
//! answers). Each ends when its [`DnsServer`] is dropped.

mod answer;
mod names;
mod resolv_conf;
mod server;
mod sockets;
mod upstream;
mod wire;

pub use names::{NameRecord, Names};
pub use resolv_conf::{ResolvConf, embedded_resolv_conf, host_resolv_conf};
pub use server::{Dns, DnsServer, DnsView, ServeError};
pub(crate) use sockets::DnsSockets;
