#![forbid(unsafe_code)]
//! The Docker Engine API and Berth's own routes, served over a Unix socket, and over TCP behind mutual TLS.
//!
//! A request is matched against the route table ([`routes`]), parsed into one [`action::Action`] of a closed
//! set, and executed on the [`engine::Engine`]. Parsing knows HTTP and no engine; execution knows the engine and
//! answers with a [`reply::Reply`]. Request and response bodies are the types of `bollard-stubs`, which are
//! generated from the published API description.
//!
//! Long-lived tasks: one accept loop for each listener ([`server::serve`]), one task for each connection, and for each hijacked
//! stream the two directions of [`hijack`].

mod action;
mod convert;
mod error;
mod gone;
mod hijack;
mod input;
mod intake;
mod reply;
mod routes;
pub mod server;

pub use server::{ServeError, serve};
