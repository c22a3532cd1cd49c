//! What the rules depend on.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{NetworkId, NetworkSpec, Publication};

/// Everything that the rules are a function of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    networks: BTreeMap<NetworkId, NetworkSpec>,
    publications: BTreeMap<String, Publication>,
    /// Interfaces between which nothing was forwarded before the engine switched forwarding on.
    pub(crate) unrouted: BTreeSet<String>,
}

impl Rules {
    /// Nothing but these interfaces that stay apart.
    pub(crate) fn new(unrouted: BTreeSet<String>) -> Self {
        Self { unrouted, ..Self::default() }
    }

    /// Adds a network or puts it in the place of the one with its id.
    pub(crate) fn add_network(&mut self, network: NetworkSpec) {
        self.networks.insert(network.id.clone(), network);
    }

    /// Removes a network.
    pub(crate) fn remove_network(&mut self, id: &NetworkId) -> Option<NetworkSpec> {
        self.networks.remove(id)
    }

    /// The network of that id.
    pub(crate) fn network(&self, id: &NetworkId) -> Option<&NetworkSpec> {
        self.networks.get(id)
    }

    /// All networks.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &NetworkSpec> {
        self.networks.values()
    }

    /// Adds a container's published ports or puts them in the place of its former ones.
    pub(crate) fn publish(&mut self, publication: Publication) {
        self.publications.insert(publication.container.clone(), publication);
    }

    /// Removes a container's published ports.
    pub(crate) fn unpublish(&mut self, container: &str) -> Option<Publication> {
        self.publications.remove(container)
    }

    /// All published ports.
    pub(crate) fn publications(&self) -> impl Iterator<Item = &Publication> {
        self.publications.values()
    }
}
