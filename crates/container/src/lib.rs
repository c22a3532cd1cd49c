//! One container: OCI runtime, cgroups, seccomp, shim, logs, exec, stats.
//!
//! The runtime half is [`runtime`] (make a container process, start it, enter it again), [`cgroup`],
//! [`seccomp`] and [`caps`]; `oci` offers it under runc's command line.
#![deny(unsafe_code)]

pub mod caps;
pub mod cgroup;
pub mod runtime;
pub mod seccomp;
