//! Pulling, pushing and logging in.
//!
//! A pull fetches up to [`PARALLEL`] layers at once. Each layer is hashed, inflated and unpacked while it comes; a
//! connection that breaks is taken up again where it broke, and the digest counts over all of it.

mod describe;
mod download;
mod event;
mod fetch;
mod login;
mod pull;
mod push;
mod session;
mod upload;

pub use crate::http::Limits;
pub use describe::{Description, describe, tags};
pub use event::{LayerState, Teller, TransferEvent};
pub use fetch::{FetchFailure, Fetched, fetch};
pub use login::login;
pub use pull::{PullOptions, Pulled, pull};
pub use push::{PushOptions, Pushed, push};

/// Layers that are moved at once.
const PARALLEL: usize = 4;
