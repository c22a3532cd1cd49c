#![forbid(unsafe_code)]
//! Records, planner, executor, health, restart, events.
//!
//! [`Engine`] is the handle; each of its methods is one action. What is asked is in [`spec`] and [`op`], what is answered
//! in [`snapshot`]. All state is in memory ([`state`]) and in the journal ([`journal`]); nothing is looked up on disk to
//! answer a question.
//!
//! # Long-lived tasks
//! - one for each running container, which waits for its shim to tell the exit ([`containers`]);
//! - one for each running container with a health check ([`health`]);
//! - one for each container that waits for its restart policy's delay;
//! - a thread that flushes the journal.

mod archive;
mod building;
mod containers;
mod disk;
pub mod doctor;
mod engine;
mod error;
pub mod event;
mod events;
mod exec;
mod feed;
mod files;
mod health;
mod host;
mod id;
mod images;
mod journal;
mod names;
mod networking;
mod networks;
mod oci;
pub mod op;
pub mod project;
mod records;
mod recover;
pub mod snapshot;
pub mod spec;
mod state;
mod system;
mod transfer;
mod volumes;

pub use building::{BuildProgress, UploadedContext};
pub use engine::{Engine, EngineConfig, OpenError};
pub use error::{EngineError, ErrorKind, StartFailure, Starting};
pub use feed::Feed;
pub use id::{ContainerId, EndpointId, ExecId, IdError, NetworkId};

/// The text of an error with its causes, each once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
