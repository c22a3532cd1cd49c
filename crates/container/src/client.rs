//! The engine's side: starting shims and talking to them.
//!
//! Everything here blocks. For an async runtime take the raw socket out ([`ShimClient::into_stream`],
//! [`ShimClient::into_parts`]), set it non-blocking and speak [`protocol`](crate::protocol) with
//! [`encode`]/[`decode`].

mod connection;
mod find;
mod process;
mod session;
mod spawn;

pub use connection::{ClientError, ShimClient, decode, encode, read_exit, read_state};
pub use find::{DestroyError, Found, destroy, find};
pub use process::ShimProcess;
pub use session::end_session;
pub use spawn::{SpawnError, spawn};
