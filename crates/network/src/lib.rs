//! Address plan and its application: bridges, firewall, DNS, published ports.
//!
//! # Order of calls for one container
//! 1. [`plan::plan_network`] and [`Fabric::create_network`] once per network; [`plan::AddressPool`] for addresses.
//! 2. [`PortReservation::reserve`] before anything is started: a taken port is known here.
//! 3. [`Fabric::create_netns`], [`Fabric::attach`] per network, [`dns::Dns::serve`], then the container is started
//!    in [`Netns::path`].
//! 4. [`Fabric::publish`] with the reserved ports and [`dns::Names::insert`] with its names.
//! 5. When it has ended: [`Fabric::unpublish`], [`dns::Names::remove`], drop the [`dns::DnsServer`], the [`Netns`] and
//!    the [`PortReservation`]. The kernel removes the namespace and its interfaces by itself.
//!
//! # After an engine restart
//! [`Fabric::reconcile`] with everything the records say; [`Netns::existing`] of `/proc/<pid>/ns/net` for each running
//! container, [`dns::Dns::serve`] and [`PortReservation::adopt`] again.

mod conntrack;
pub mod dns;
pub mod doctor;
mod fabric;
mod firewall;
mod hash;
mod model;
mod netlink;
mod netns;
pub mod plan;
mod ports;
mod sys;

pub use fabric::{
    AttachError, Attached, CreateNetworkError, DesiredState, DetachError, Fabric, FabricConfig,
    FirewallChoice, OpenFabricError, PublishError, ReconcileError, Reconciled, RemoveNetworkError, RuleWatch,
    WatchError,
};
pub use model::*;
pub use netns::{Netns, NetnsError, NetnsOptions};
pub use ports::{PortHolder, PortReservation, ProxyTarget, ReserveError};
