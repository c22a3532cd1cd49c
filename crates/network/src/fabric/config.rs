//! What the fabric is told and what it tells.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{Instance, InterfaceName, NetworkSpec, Publication};

/// How a [`Fabric`] is opened.
#[derive(Clone, Debug)]
pub struct FabricConfig {
    /// The engine's runtime directory. The file `unrouted` is put there when the engine switches forwarding on: it has
    /// to go away with the next boot, as the setting does.
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
    /// `iptables-restore`, whichever that is here.
    Iptables,
    /// `iptables-legacy-restore`.
    IptablesLegacy,
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
