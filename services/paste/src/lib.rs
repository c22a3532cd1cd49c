#![forbid(unsafe_code)]
//! A paste service that speaks the part of pastebin.com's API that makes pastes, and keeps them on disk.
//!
//! `POST /api/api_post.php` makes a paste and answers its URL or `Bad API request, …`; `GET /KEY` and `GET /raw/KEY` show
//! it. A post that carries an `Idempotency-Key` gets the same URL however often it is made.
//!
//! Long-lived tasks: one for each connection, and, where posts wait for the disk, one that waits once for all of them.

mod api;
mod post;
mod server;
mod store;
mod sync;

pub use api::{Service, Settings};
pub use server::serve;
pub use store::{OpenError, Store};
