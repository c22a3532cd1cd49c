//! Which names lead where, per network.

use std::net::IpAddr;

use crate::model::NetworkId;

/// What one container is called on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRecord {
    /// The network.
    pub network: NetworkId,
    /// Its name, the domain of reverse answers.
    pub network_name: String,
    /// The container's id.
    pub container: String,
    /// Its name: what reverse look-ups answer.
    pub name: String,
    /// Further names: service, aliases, short id. Several containers may share one.
    pub aliases: Vec<String>,
    /// Its addresses on that network.
    pub addresses: Vec<IpAddr>,
}

/// All names of all networks. Cheap to clone; changes are seen by the next query.
#[derive(Clone, Debug, Default)]
pub struct Names {}

impl Names {
    /// Puts a container's record on a network, in place of the one it had there.
    pub fn insert(&self, record: NameRecord) {
        let _ = record;
        todo!()
    }

    /// Takes a container off one network (`Some`) or off all.
    pub fn remove(&self, container: &str, network: Option<&NetworkId>) {
        let _ = (container, network);
        todo!()
    }
}
