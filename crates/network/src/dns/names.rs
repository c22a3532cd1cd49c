//! Which names lead where, per network.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

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
pub struct Names {
    networks: Arc<RwLock<HashMap<NetworkId, Network>>>,
}

/// The names of one network: the records by container, and who has which name or address.
#[derive(Debug, Default)]
struct Network {
    records: HashMap<String, NameRecord>,
    by_name: HashMap<String, BTreeSet<String>>,
    by_address: HashMap<IpAddr, String>,
}

impl Names {
    /// Puts a container's record on a network, in place of the one it had there.
    pub fn insert(&self, record: NameRecord) {
        let mut networks = self.networks.write().unwrap_or_else(PoisonError::into_inner);
        let network = networks.entry(record.network.clone()).or_default();
        network.remove(&record.container);
        network.insert(record);
    }

    /// Takes a container off one network (`Some`) or off all.
    pub fn remove(&self, container: &str, network: Option<&NetworkId>) {
        let mut networks = self.networks.write().unwrap_or_else(PoisonError::into_inner);
        networks.retain(|id, names| {
            if network.is_none_or(|network| network == id) {
                names.remove(container);
            }
            !names.records.is_empty()
        });
    }

    /// Addresses of a name (in lower case, without the final dot) on the first of these networks that knows it; `None`
    /// when none does. A name may carry the network's name behind it.
    pub(super) fn addresses(&self, networks: &[NetworkId], name: &str) -> Option<Vec<IpAddr>> {
        let all = self.networks.read().unwrap_or_else(PoisonError::into_inner);
        networks.iter().filter_map(|id| all.get(id)).find_map(|network| network.addresses(name))
    }

    /// The name of the container that has an address on one of these networks.
    pub(super) fn name(&self, networks: &[NetworkId], address: IpAddr) -> Option<String> {
        let all = self.networks.read().unwrap_or_else(PoisonError::into_inner);
        networks.iter().filter_map(|id| all.get(id)).find_map(|network| network.name(address))
    }
}

impl Network {
    fn insert(&mut self, record: NameRecord) {
        for name in names_of(&record) {
            self.by_name.entry(name).or_default().insert(record.container.clone());
        }
        self.by_address.extend(record.addresses.iter().map(|address| (*address, record.container.clone())));
        self.records.insert(record.container.clone(), record);
    }

    fn remove(&mut self, container: &str) {
        let Some(record) = self.records.remove(container) else { return };
        for name in names_of(&record) {
            if let Some(owners) = self.by_name.get_mut(&name) {
                owners.remove(container);
                if owners.is_empty() {
                    self.by_name.remove(&name);
                }
            }
        }
        self.by_address.retain(|_, owner| owner != container);
    }

    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        let owners = self.by_name.get(name)?;
        Some(owners.iter().filter_map(|id| self.records.get(id)).flat_map(|r| r.addresses.clone()).collect())
    }

    fn name(&self, address: IpAddr) -> Option<String> {
        let record = self.records.get(self.by_address.get(&address)?)?;
        Some(format!("{}.{}", record.name, record.network_name))
    }
}

/// Every name of a record in lower case, alone and with the network's name behind it.
fn names_of(record: &NameRecord) -> BTreeSet<String> {
    let domain = record.network_name.to_ascii_lowercase();
    let names = std::iter::once(&record.name).chain(&record.aliases).map(|name| name.to_ascii_lowercase());
    names.flat_map(|name| [format!("{name}.{domain}"), name]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> NetworkId {
        std::iter::repeat_n(digit, 12).collect::<String>().parse().unwrap()
    }

    fn record(network: char, container: &str, alias: &str, address: &str) -> NameRecord {
        NameRecord {
            network: id(network),
            network_name: format!("net-{network}"),
            container: container.into(),
            name: format!("{container}-1"),
            aliases: vec![alias.into()],
            addresses: vec![address.parse().unwrap()],
        }
    }

    fn found(names: &Names, networks: &[NetworkId], name: &str) -> Option<Vec<String>> {
        names.addresses(networks, name).map(|all| all.iter().map(IpAddr::to_string).collect())
    }

    #[test]
    fn a_shared_alias_leads_to_all_and_a_name_to_one() {
        let names = Names::default();
        names.insert(record('a', "one", "Web", "10.0.0.2"));
        names.insert(record('a', "two", "web", "10.0.0.3"));
        let nets = [id('a')];
        assert_eq!(found(&names, &nets, "web"), Some(vec!["10.0.0.2".into(), "10.0.0.3".into()]));
        assert_eq!(found(&names, &nets, "two-1.net-a"), Some(vec!["10.0.0.3".into()]));
        names.remove("one", None);
        assert_eq!(found(&names, &nets, "web"), Some(vec!["10.0.0.3".into()]));
        names.remove("two", Some(&id('b')));
        names.remove("two", Some(&id('a')));
        assert_eq!(found(&names, &nets, "web"), None);
    }

    #[test]
    fn names_are_seen_on_ones_own_networks_alone_and_in_their_order() {
        let names = Names::default();
        names.insert(record('a', "one", "web", "10.0.0.2"));
        names.insert(record('b', "two", "web", "10.1.0.2"));
        assert_eq!(found(&names, &[id('b')], "web"), Some(vec!["10.1.0.2".into()]));
        assert_eq!(found(&names, &[id('b'), id('a')], "web"), Some(vec!["10.1.0.2".into()]));
        assert_eq!(found(&names, &[id('c')], "web"), None);
        assert_eq!(names.name(&[id('a')], "10.0.0.2".parse().unwrap()), Some("one-1.net-a".into()));
        assert_eq!(names.name(&[id('b')], "10.0.0.2".parse().unwrap()), None);
    }

    #[test]
    fn a_record_replaces_the_one_before() {
        let names = Names::default();
        names.insert(record('a', "one", "web", "10.0.0.2"));
        names.insert(record('a', "one", "api", "10.0.0.9"));
        assert_eq!(found(&names, &[id('a')], "web"), None);
        assert_eq!(found(&names, &[id('a')], "api"), Some(vec!["10.0.0.9".into()]));
        assert_eq!(names.name(&[id('a')], "10.0.0.2".parse().unwrap()), None);
    }
}
