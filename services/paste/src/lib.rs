#![forbid(unsafe_code)]
//! A paste service that speaks the part of pastebin.com's API that makes pastes, and keeps them on disk.
//!
//! `POST /api/api_post.php` makes a paste and answers its URL or `Bad API request, …`; `GET /KEY` and `GET /raw/KEY` show
//! it. A post that carries an `Idempotency-Key` gets the same URL however often it is made.

mod api;
mod post;
mod store;

pub use api::{Settings, router};
pub use store::{Store, StoreError};
