#![forbid(unsafe_code)]
//! Dockerfile to image, with a layer cache.
//!
//! The crate does no system administration of its own: `RUN` goes through the [`Runner`] that the
//! caller supplies, everything that is kept goes through `image::Store`.
//!
//! | module | holds | I/O |
//! |---|---|---|
//! | [`dockerfile`] | text to a typed tree | – |
//! | [`expand`] | quotes and variables | – |
//! | [`build`] | stages to an image | store, runner |
//! | [`cache`] | what a step made before | one directory |
//! | [`request`] | what is to be built | – |
//! | [`event`] | what is told while building | – |
//! | [`runner`] | needed from outside: run a command on layers | – |
//! | [`remote`] | needed from outside: fetch files and images | – |
//! | [`error`] | what can go wrong, with the Dockerfile line it went wrong at | – |

mod builder;
pub mod cache;
mod context;
pub mod dockerfile;
pub mod error;
pub mod event;
pub mod expand;
mod fetch;
mod glob;
mod graph;
mod hash;
mod lint;
mod platform;
mod prune;
pub mod remote;
pub mod request;
pub mod runner;
mod secret;
mod suggest;
mod transfer;
mod tree;

pub use builder::{ChangeError, apply_changes, build};
pub use cache::Cache;
pub use context::Ignore;
pub use error::{BuildError, Excerpt, StepError};
pub use event::{BuildEvent, BuildResult, Stream, Warning};
pub use fetch::{SourceError, is_remote};
pub use prune::{PruneError, Pruned, prune};
pub use remote::{FetchError, FetchRequest, Fetched, Offline, Remote};
pub use request::{
    BuildRequest, CacheExport, CacheLocation, Cancel, DockerfileSource, NamedContext, Output, OutputKind,
    RunNetwork,
};
pub use runner::{Access, RunExit, RunMount, RunStep, Runner, RunnerError};
pub use secret::Secret;
pub use transfer::unpack_context;
