//! Applies plans to the kernel: the one handle through which bridges, interfaces and rules are changed.

mod error;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{Endpoint, Instance, InterfaceName, NetworkId, NetworkSpec, Publication};
use crate::netns::{Netns, NetnsError, NetnsOptions};
use crate::plan::Occupied;

pub use error::{
    AttachError, CreateNetworkError, DetachError, OpenFabricError, PublishError, ReconcileError,
    RemoveNetworkError, WatchError,
};

/// How a [`Fabric`] is opened.
#[derive(Clone, Debug)]
pub struct FabricConfig {
    /// The engine's runtime directory; nothing is put there unless a fallback needs it.
    pub run_dir: PathBuf,
    /// Whose objects these are.
    pub instance: Instance,
    /// Which firewall to use.
    pub firewall: FirewallChoice,
}

/// Which firewall carries the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirewallChoice {
    /// nf_tables, or iptables where the kernel has none.
    #[default]
    Auto,
    /// nf_tables by netlink.
    Nftables,
    /// `iptables-restore`.
    Iptables,
}

/// Everything that should exist: what the records say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredState {
    /// All networks.
    pub networks: Vec<NetworkSpec>,
    /// The publications of all running containers.
    pub publications: Vec<Publication>,
}

/// What [`Fabric::reconcile`] had to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Bridges that were made.
    pub created: Vec<InterfaceName>,
    /// Bridges of this instance that nothing asks for and that were removed.
    pub removed: Vec<InterfaceName>,
}

/// A connection that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The interface on the host's side.
    pub host_ifname: InterfaceName,
}

/// The networks of one engine. Cheap to clone, safe to use from several threads; every call is synchronous and
/// belongs on a blocking thread.
#[derive(Clone, Debug)]
pub struct Fabric {}

impl Fabric {
    /// Opens netlink and finds out which firewall there is. Changes nothing.
    ///
    /// # Errors
    /// Not root, or neither firewall exists.
    pub fn open(config: FabricConfig) -> Result<Self, OpenFabricError> {
        let _ = config;
        todo!()
    }

    /// What a new network has to keep clear of: the host's routes and the networks known here.
    ///
    /// # Errors
    /// The routes cannot be read.
    pub fn occupied(&self) -> Result<Occupied, std::io::Error> {
        todo!()
    }

    /// Makes the bridge and its rules. A network that is there already is made right.
    ///
    /// # Errors
    /// A foreign interface has the bridge's name, or the kernel refuses; then nothing is left.
    pub fn create_network(&self, spec: &NetworkSpec) -> Result<(), CreateNetworkError> {
        let _ = spec;
        todo!()
    }

    /// Removes bridge, rules and whatever interfaces are left on it. A network that is not there is success.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_network(&self, network: &NetworkId) -> Result<(), RemoveNetworkError> {
        let _ = network;
        todo!()
    }

    /// Several at once, in one grace period of the kernel (one removal costs as much as fifty).
    ///
    /// # Errors
    /// As [`Fabric::remove_network`].
    pub fn remove_networks(&self, networks: &[NetworkId]) -> Result<(), RemoveNetworkError> {
        let _ = networks;
        todo!()
    }

    /// A namespace with `lo` up. Drop it, or let the container's process end, and it is gone.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn create_netns(&self, options: NetnsOptions) -> Result<Netns, NetnsError> {
        let _ = options;
        todo!()
    }

    /// Connects a namespace (of a container that is about to start, or of a running one) to a network.
    ///
    /// # Errors
    /// Unknown network, interface name taken, or the kernel refuses; then nothing is left.
    pub fn attach(&self, netns: &Netns, endpoint: &Endpoint) -> Result<Attached, AttachError> {
        let _ = (netns, endpoint);
        todo!()
    }

    /// Takes a running container off a network. Not needed when the container has ended.
    ///
    /// # Errors
    /// The kernel refuses; an interface that is gone is success.
    pub fn detach(&self, netns: &Netns, endpoint: &Endpoint) -> Result<(), DetachError> {
        let _ = (netns, endpoint);
        todo!()
    }

    /// Makes ports lead to a container, instead of what was published for it before. Without ports nothing is done.
    ///
    /// # Errors
    /// The firewall refuses; then the ports are not published.
    pub fn publish(&self, publication: &Publication) -> Result<(), PublishError> {
        let _ = publication;
        todo!()
    }

    /// Takes back all that `container` publishes.
    ///
    /// # Errors
    /// The firewall refuses.
    pub fn unpublish(&self, container: &str) -> Result<(), PublishError> {
        let _ = container;
        todo!()
    }

    /// Makes exactly this true, whatever is there: for the engine's start. Idempotent; containers notice nothing.
    ///
    /// # Errors
    /// The first thing that could not be made true; the rest was tried.
    pub fn reconcile(&self, desired: &DesiredState) -> Result<Reconciled, ReconcileError> {
        let _ = desired;
        todo!()
    }

    /// Makes everything true again that this handle knows of: for the watch's callback and for a timer.
    ///
    /// # Errors
    /// As [`Fabric::reconcile`].
    pub fn repair(&self) -> Result<Reconciled, ReconcileError> {
        todo!()
    }

    /// Calls `on_change` (on a thread of its own, bursts joined) whenever somebody else removes or changes Berth's
    /// rules; normally answered with [`Fabric::repair`].
    ///
    /// # Errors
    /// The kernel refuses the subscription.
    pub fn watch(&self, on_change: impl Fn() + Send + 'static) -> Result<RuleWatch, WatchError> {
        let _ = on_change;
        todo!()
    }
}

/// A running watch; dropping it ends the thread.
#[derive(Debug)]
pub struct RuleWatch {}
