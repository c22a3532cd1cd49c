//! One error per operation of the fabric.

use std::io;

use crate::model::{InterfaceName, NetworkId};

/// The fabric cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenFabricError {
    /// Netlink is not usable.
    #[error("cannot open a netlink socket")]
    Netlink(#[source] io::Error),
    /// No firewall at all.
    #[error("this kernel has no nf_tables, and iptables-restore is not usable")]
    NoFirewall(#[source] io::Error),
}

/// A network cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateNetworkError {
    /// An interface of that name exists and is not this network's.
    #[error("network {network}: interface {bridge} exists and does not belong to it")]
    ForeignInterface {
        /// The network's name.
        network: String,
        /// The interface.
        bridge: InterfaceName,
    },
    /// The kernel refuses.
    #[error("network {network}: cannot {action}")]
    Kernel {
        /// The network's name.
        network: String,
        /// What failed.
        action: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A network cannot be removed.
#[derive(Debug, thiserror::Error)]
#[error("network {network}: cannot {action}")]
pub struct RemoveNetworkError {
    /// The network.
    pub network: NetworkId,
    /// What failed.
    pub action: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A namespace cannot be connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// No such network was created or reconciled.
    #[error("network {0} is not known")]
    UnknownNetwork(NetworkId),
    /// The namespace has an interface of that name.
    #[error("the container already has an interface {0}")]
    InterfaceExists(InterfaceName),
    /// The kernel refuses.
    #[error("network {network}: cannot {action}")]
    Kernel {
        /// The network's name.
        network: String,
        /// What failed.
        action: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A namespace cannot be disconnected.
#[derive(Debug, thiserror::Error)]
#[error("cannot remove interface {ifname}")]
pub struct DetachError {
    /// The container's interface.
    pub ifname: InterfaceName,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Ports cannot be published or taken back.
#[derive(Debug, thiserror::Error)]
#[error("cannot change the published ports of {container}")]
pub struct PublishError {
    /// The container.
    pub container: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Not everything could be made true.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// What exists cannot be read.
    #[error("cannot list interfaces")]
    List(#[source] io::Error),
    /// A network could not be made.
    #[error(transparent)]
    Network(#[from] CreateNetworkError),
    /// The rules could not be replaced.
    #[error("cannot replace the firewall rules")]
    Firewall(#[source] io::Error),
    /// Bridges that nobody knows could not be removed.
    #[error("cannot remove leftover bridges")]
    Leftovers {
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Rules cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch the firewall")]
pub struct WatchError(#[source] pub io::Error);
