//! Images over the network: a client and a server of the OCI distribution specification.
//!
//! | module | holds | I/O |
//! |---|---|---|
//! | [`settings`] | mirrors, plain HTTP, certificates | one file |
//! | [`credentials`] | `~/.docker/config.json` and its helpers | files, programs |
//! | `auth` | challenges and tokens | – |
//! | `http` | requests, redirects, time limits | network |
//! | [`client`] | pull, push, login, and fetching files | network, store |
//! | [`server`] | the local store as a registry | store |
//!
//! The client follows the OCI distribution specification and Docker's registry protocol version 2 with its token
//! authentication. Whatever comes from a registry is checked against its digest before it is used.

#![forbid(unsafe_code)]

mod auth;
pub mod client;
pub mod credentials;
mod error;
mod http;
pub mod server;
pub mod settings;

pub use error::RegistryError;
