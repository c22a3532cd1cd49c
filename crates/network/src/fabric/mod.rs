//! Applies plans to the kernel: the one handle through which bridges, interfaces and rules are changed.
//!
//! # Where the time goes (`cargo bench -p network`; 2 cores, Linux 6.18, milliseconds, median)
//! | step | time | of which |
//! |---|---|---|
//! | `create_netns` | 0.75 | `unshare` 0.45, a thread, `lo` up, settings; DNS sockets with their redirection 0.1 |
//! | `attach` | 0.6 | creating the pair directly in its two namespaces 0.5, addresses and route 0.1 |
//! | `publish`, `unpublish` | 0.03 | one transaction of one element; none without ports |
//! | `create_network` | 0.6 | the first one 0.9, with the tables |
//! | end of a container | 0 | the kernel removes namespace and interfaces by itself, 50 ms later, many at once |
//! | `remove_network` | 39 | a grace period of the kernel for the bridge and one for its table of VLANs |
//! | `remove_networks`, five | 117 | one grace period less for each |
//! | `detach` | 20 | from a running container only |
//! | 10 (50) containers connected by 4 threads | 15 (63) | the kernel has one lock for all interfaces |
//! | 50 containers and their network removed | 61 | |
//!
//! Moving an interface into a namespace costs 16 ms and deleting one 15 ms, each a grace period under that lock:
//! neither happens here for any single container. A stock of namespaces made beforehand would save less than a
//! millisecond of each start, and is left out.

mod bridge;
mod config;
mod error;
mod name;
mod port;
mod publish;
mod reconcile;
mod sysctl;
mod watch;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::firewall::{Firewall, Rules};
use crate::model::{Endpoint, Instance, NetworkId, NetworkSpec, Publication};
use crate::netlink::{Socket, link, route};
use crate::netns::{Netns, NetnsError, NetnsOptions};
use crate::plan::{HostRoute, Occupied};

pub use config::{Attached, DesiredState, FabricConfig, FirewallChoice, Reconciled};
pub use error::{
    AttachError, CreateNetworkError, DetachError, OpenFabricError, PublishError, ReconcileError,
    RemoveNetworkError, WatchError,
};
pub use watch::RuleWatch;

/// The networks of one engine. Cheap to clone, safe to use from several threads; every call is synchronous and
/// belongs on a blocking thread of the host's network namespace.
#[derive(Clone, Debug)]
pub struct Fabric {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    run_dir: PathBuf,
    instance: Instance,
    route: Socket,
    firewall: Firewall,
    state: Mutex<State>,
}

/// What is known: the rules, and the bridges' indexes and MTUs.
#[derive(Debug, Default)]
struct State {
    rules: Rules,
    bridges: HashMap<NetworkId, bridge::Bridge>,
}

impl Fabric {
    /// Opens netlink and finds out which firewall there is. Changes nothing.
    ///
    /// # Errors
    /// Not root, or neither firewall exists.
    pub fn open(config: FabricConfig) -> Result<Self, OpenFabricError> {
        let route = Socket::route().map_err(OpenFabricError::Netlink)?;
        let firewall =
            Firewall::open(config.firewall, &config.instance).map_err(OpenFabricError::NoFirewall)?;
        let unrouted = sysctl::remembered_unrouted(&config.run_dir);
        let state = State { rules: Rules::new(unrouted), ..State::default() };
        let inner = Inner {
            run_dir: config.run_dir,
            instance: config.instance,
            route,
            firewall,
            state: Mutex::new(state),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What a new network has to keep clear of: the host's routes and resolvers, and the networks known here.
    ///
    /// # Errors
    /// The routes cannot be read.
    pub fn occupied(&self) -> Result<Occupied, io::Error> {
        let networks: Vec<NetworkSpec> = self.state().rules.networks().cloned().collect();
        let links = link::all(&self.inner.route)?;
        let name = |index| links.iter().find(|l| l.index == index).map_or("none", |l| l.name.as_str());
        let routes = route::all(&self.inner.route)?.into_iter();
        let routes = routes
            .filter(|route| route.destination.prefix_len() > 0)
            .map(|route| HostRoute {
                destination: route.destination,
                interface: name(route.interface).to_owned(),
            })
            .filter(|route| !networks.iter().any(|network| network.bridge.as_str() == route.interface))
            .collect();
        Ok(Occupied { routes, networks, resolvers: crate::dns::host_resolv_conf().nameservers })
    }

    /// The firewall's tables as they should be, in the notation of `nft list table` or of `iptables-save`.
    pub fn rules_text(&self) -> String {
        self.inner.firewall.text(&self.state().rules)
    }

    /// Makes the bridge and its rules. A network that is there already is made right.
    ///
    /// # Errors
    /// A foreign interface has the bridge's name, or the kernel refuses; then nothing is left.
    pub fn create_network(&self, spec: &NetworkSpec) -> Result<(), CreateNetworkError> {
        self.inner.create_network(spec)
    }

    /// Removes bridge, rules and whatever interfaces are left on it. A network that is not there is success.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_network(&self, network: &NetworkId) -> Result<(), RemoveNetworkError> {
        self.inner.remove_networks(std::slice::from_ref(network))
    }

    /// Several at once, which costs less than one after the other.
    ///
    /// # Errors
    /// As [`Fabric::remove_network`].
    pub fn remove_networks(&self, networks: &[NetworkId]) -> Result<(), RemoveNetworkError> {
        self.inner.remove_networks(networks)
    }

    /// A namespace with `lo` up. Drop it, or let the container's process end, and it is gone.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn create_netns(&self, options: NetnsOptions) -> Result<Netns, NetnsError> {
        Netns::create(options)
    }

    /// Connects a namespace (of a container that is about to start, or of a running one) to a network.
    ///
    /// # Errors
    /// Unknown network, interface name taken, or the kernel refuses; then nothing is left.
    pub fn attach(&self, netns: &Netns, endpoint: &Endpoint) -> Result<Attached, AttachError> {
        self.inner.attach(netns, endpoint)
    }

    /// Makes a connection that exists the container's default route, instead of the present one: after the network
    /// of that one was disconnected.
    ///
    /// # Errors
    /// Unknown network, no such interface, or the kernel refuses.
    pub fn set_default_gateway(&self, netns: &Netns, endpoint: &Endpoint) -> Result<(), AttachError> {
        self.inner.set_default_gateway(netns, endpoint)
    }

    /// Takes a running container off a network. Not needed when the container has ended.
    ///
    /// # Errors
    /// The kernel refuses; an interface that is gone is success.
    pub fn detach(&self, netns: &Netns, endpoint: &Endpoint) -> Result<(), DetachError> {
        port::detach(netns, endpoint)
    }

    /// Makes ports lead to a container, instead of what was published for it before. Without ports nothing is done.
    ///
    /// # Errors
    /// The firewall refuses; then the ports are not published.
    pub fn publish(&self, publication: &Publication) -> Result<(), PublishError> {
        self.inner.publish(publication)
    }

    /// Takes back all that `container` publishes.
    ///
    /// # Errors
    /// The firewall refuses.
    pub fn unpublish(&self, container: &str) -> Result<(), PublishError> {
        self.inner.unpublish(container)
    }

    /// Makes exactly this true, whatever is there: for the engine's start. Idempotent; containers notice nothing.
    ///
    /// # Errors
    /// The first thing that could not be made true; the rest was tried.
    pub fn reconcile(&self, desired: &DesiredState) -> Result<Reconciled, ReconcileError> {
        self.inner.reconcile(desired)
    }

    /// Makes everything true again that this handle knows of: for the watch's callback and for a timer.
    ///
    /// # Errors
    /// As [`Fabric::reconcile`].
    pub fn repair(&self) -> Result<Reconciled, ReconcileError> {
        self.inner.repair()
    }

    /// Calls `on_change` (on a thread of its own, bursts joined) whenever somebody else removes or changes Berth's
    /// rules; normally answered with [`Fabric::repair`].
    ///
    /// # Errors
    /// The kernel refuses the subscription.
    pub fn watch(&self, on_change: impl Fn() + Send + 'static) -> Result<RuleWatch, WatchError> {
        RuleWatch::start(&self.inner.firewall, on_change).map_err(WatchError)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
