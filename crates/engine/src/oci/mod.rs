//! From what was asked for to an OCI runtime configuration: pure functions with golden tests.
//!
//! [`resolve::process`] merges an image's configuration with a container's; [`config::config`] makes the OCI `Spec`
//! of it. Everything that must be looked up on the host (users, devices, mount sources, namespaces of other
//! containers) is looked up by the caller and handed in with [`config::Inputs`]. Defaults are Docker's.

pub(crate) mod capabilities;
pub(crate) mod config;
pub(crate) mod limits;
pub(crate) mod mounts;
pub(crate) mod resolve;
pub(crate) mod seccomp;

#[cfg(test)]
mod tests;
