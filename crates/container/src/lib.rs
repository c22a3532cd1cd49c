//! One container: OCI runtime, cgroups, seccomp, shim, logs, exec, stats.
//!
//! The runtime half is [`runtime`] (make a container process, start it, enter it again), [`cgroup`],
//! [`seccomp`] and [`caps`]; [`oci`] offers it under runc's command line.
//!
//! The shim half is [`shim`] (the process beside each container), [`client`] and [`protocol`] (how the
//! engine starts and talks to it), [`log`] (json-file logs), [`top`], [`detach`] and [`visit`]. [`doctor`] tries what
//! the host has of all that.
#![deny(unsafe_code)]

pub mod caps;
pub mod cgroup;
pub mod client;
pub mod detach;
pub mod doctor;
pub mod log;
pub mod oci;
mod overlay;
mod procstat;
pub mod protocol;
mod rootfs;
pub mod runtime;
pub mod seccomp;
pub mod shim;
mod sys;
pub mod top;
pub mod visit;
