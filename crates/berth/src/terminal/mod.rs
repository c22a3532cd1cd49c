//! The user's terminal, and sessions between it and a container.
//!
//! [`session::run`] joins standard input and output with a container's streams: raw mode, changes of the
//! terminal's size, detach keys, and signals that are passed on.

mod raw;
pub(crate) mod session;
mod signals;
mod size;

pub(crate) use raw::RawMode;
pub(crate) use session::{End, Options, Remote, run};
pub(crate) use size::Size;
