#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails where it stands")]
//! A host for each end-to-end test: its own network namespace, engine root and runtime directory.
//!
//! Guarantees: two tests never see each other; what a test leaves behind is removed when its [`Host`] is dropped, also
//! after a panic; a test that passed and left something behind fails ([`leaks`]).
//!
//! The binary under test is `$BERTH_BIN`, or the release build of this checkout. Nothing here sleeps to wait for an
//! event: [`eventually`] polls a condition with a deadline.

mod bystander;
mod cleanup;
mod docker;
mod dockerd;
mod host;
pub mod images;
pub mod lan;
mod netns;
mod pty;
mod raw;
mod recorder;
mod registry;
mod run;
mod wait;

pub use bystander::Bystander;
pub use docker::client;
pub use dockerd::Dockerd;
pub use host::Host;
pub use netns::Netns;
pub use pty::Pty;
pub use raw::Raw;
pub use recorder::{Recorded, Recorder};
pub use registry::{Registry, RegistryOptions, Script, certificate, passwords};
pub use run::Outcome;
pub use wait::{eventually, eventually_within};

use std::path::PathBuf;

/// The binary under test.
///
/// # Panics
/// When it has not been built.
pub fn berth_binary() -> PathBuf {
    let built = workspace().join("target/x86_64-unknown-linux-gnu/release/berth");
    let path = std::env::var_os("BERTH_BIN").map_or(built, PathBuf::from);
    assert!(path.is_file(), "{} does not exist: build it (make build) or set BERTH_BIN", path.display());
    path
}

/// The root of this checkout.
pub fn workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
