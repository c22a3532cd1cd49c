//! Subnets that must fit together, and addresses that must lie in them.

use super::Checks;
use crate::model::{IpamPool, Network, NetworkKey, Project, Service, ServiceNetwork};
use crate::report::Finding;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

impl Checks<'_> {
    /// Subnets hold their gateway and range, and do not overlap.
    pub(super) fn pools(&self, project: &Project) {
        let mut seen: Vec<(&NetworkKey, IpNet)> = Vec::new();
        for (key, network) in &project.networks {
            for pool in &network.ipam.pools {
                self.pool(key, pool);
                let Some(subnet) = pool.subnet else { continue };
                if let Some((other, taken)) = seen.iter().find(|(_, taken)| overlap(*taken, subnet)) {
                    let span = self.place_of_subnet(key, subnet);
                    let first = self.place_of_subnet(other, *taken);
                    let message = format!(
                        "the subnets of the networks `{other}` ({taken}) and `{key}` ({subnet}) overlap"
                    );
                    self.report.add(
                        Finding::error(span, message)
                            .related(first, "the other one")
                            .help("choose another subnet for one of them"),
                    );
                }
                seen.push((key, subnet));
            }
        }
    }

    fn place_of_subnet(&self, key: &NetworkKey, subnet: IpNet) -> crate::source::Span {
        self.locator.span(&["networks", key.as_str(), "ipam", "config", &subnet.to_string(), "subnet"])
    }

    fn pool(&self, key: &NetworkKey, pool: &IpamPool) {
        let Some(subnet) = pool.subnet else {
            if pool.gateway.is_some() || pool.ip_range.is_some() {
                let span = self.locator.span(&["networks", key.as_str(), "ipam", "config"]);
                let message = format!("the network `{key}` has a gateway or a range, but no subnet");
                self.report.add(Finding::error(span, message).help("add `subnet: …`"));
            }
            return;
        };
        let place = |field: &str| {
            self.locator.span(&["networks", key.as_str(), "ipam", "config", &subnet.to_string(), field])
        };
        if let Some(gateway) = pool.gateway.filter(|gateway| !subnet.contains(gateway)) {
            let message =
                format!("the gateway {gateway} of the network `{key}` is outside of its subnet {subnet}");
            self.report
                .add(Finding::error(place("gateway"), message).help("choose an address of the subnet"));
        }
        if let Some(range) = pool.ip_range.filter(|range| !subnet.contains(range)) {
            let message =
                format!("the range {range} of the network `{key}` is outside of its subnet {subnet}");
            self.report.add(Finding::error(place("ip_range"), message).help("choose a part of the subnet"));
        }
        for (name, address) in pool.aux_addresses.iter().filter(|(_, address)| !subnet.contains(*address)) {
            let message = format!(
                "the address {address} of `{name}` is outside of the subnet {subnet} of the network `{key}`"
            );
            self.report
                .add(Finding::error(place("aux_addresses"), message).help("choose an address of the subnet"));
        }
    }

    /// Fixed addresses lie in a subnet of their network, and are not used twice.
    pub(super) fn addresses(&self, project: &Project) {
        let mut taken: BTreeMap<(&NetworkKey, IpAddr), &Service> = BTreeMap::new();
        for service in project.services.values() {
            for (key, attachment) in service.networking.attachment.networks() {
                let Some(network) = project.networks.get(key.as_str()) else { continue };
                for (field, address) in fixed_addresses(attachment) {
                    let wish = Wish { service, key, field, address };
                    self.address_in_network(network, &wish);
                    self.one_container_for(&wish);
                    if let Some(other) = taken.insert((key, address), service) {
                        self.address_twice(other, &wish);
                    }
                }
            }
        }
    }

    fn wrong_address(&self, wish: &Wish<'_>, problem: &str) -> Finding {
        let span =
            self.locator.of_service(wish.service.name.as_str(), &["networks", wish.key.as_str(), wish.field]);
        let message = format!("the address {} of `{}` {problem}", wish.address, wish.service.name);
        Finding::error(span, message)
    }

    fn address_in_network(&self, network: &Network, wish: &Wish<'_>) {
        if network.external {
            return;
        }
        let subnets: Vec<(IpNet, Option<IpAddr>)> = network
            .ipam
            .pools
            .iter()
            .filter_map(|pool| Some((pool.subnet?, pool.gateway)))
            .filter(|(subnet, _)| subnet.addr().is_ipv4() == wish.address.is_ipv4())
            .collect();
        let family = if wish.address.is_ipv4() { "IPv4" } else { "IPv6" };
        let declared = self.locator.span(&["networks", wish.key.as_str(), "ipam", "config"]);
        let finding = match subnets.iter().find(|(subnet, _)| subnet.contains(&wish.address)) {
            None if subnets.is_empty() => self
                .wrong_address(
                    wish,
                    &format!("is fixed, but the network `{}` declares no {family} subnet", wish.key),
                )
                .help(format!("declare one: `networks: {}: ipam: config: - subnet: …`", wish.key)),
            None => {
                let list: Vec<String> = subnets.iter().map(|(subnet, _)| subnet.to_string()).collect();
                let list = list.join(", ");
                self.wrong_address(
                    wish,
                    &format!("is outside of the subnet of the network `{}` ({list})", wish.key),
                )
                .related(declared, "the subnet")
                .help("choose an address of the subnet")
            }
            Some((subnet, gateway)) => match reserved(*subnet, *gateway, wish.address) {
                Some(role) => self
                    .wrong_address(wish, &format!("is {role} of the network `{}` ({subnet})", wish.key))
                    .help("choose another address of the subnet"),
                None => return,
            },
        };
        self.report.add(finding);
    }

    fn one_container_for(&self, wish: &Wish<'_>) {
        if wish.service.replicas > 1 {
            let problem = format!("is for one container, but there are {} replicas", wish.service.replicas);
            self.report
                .add(self.wrong_address(wish, &problem).help("remove the address, or run one replica"));
        }
    }

    fn address_twice(&self, other: &Service, wish: &Wish<'_>) {
        let first =
            self.locator.of_service(other.name.as_str(), &["networks", wish.key.as_str(), wish.field]);
        let problem = format!("is also the address of `{}` on the network `{}`", other.name, wish.key);
        self.report.add(
            self.wrong_address(wish, &problem)
                .related(first, "first here")
                .help("give each service an address of its own"),
        );
    }
}

/// A fixed address that a service wants.
struct Wish<'a> {
    service: &'a Service,
    key: &'a NetworkKey,
    field: &'static str,
    address: IpAddr,
}

fn fixed_addresses(attachment: &ServiceNetwork) -> impl Iterator<Item = (&'static str, IpAddr)> {
    let v4 = attachment.ipv4_address.map(|address| ("ipv4_address", IpAddr::V4(address)));
    let v6 = attachment.ipv6_address.map(|address| ("ipv6_address", IpAddr::V6(address)));
    v4.into_iter().chain(v6)
}

fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// What an address of the subnet is taken for.
fn reserved(subnet: IpNet, gateway: Option<IpAddr>, address: IpAddr) -> Option<&'static str> {
    let gateway = gateway.or_else(|| subnet.hosts().next());
    if gateway == Some(address) {
        return Some("the gateway");
    }
    let has_ends = subnet.max_prefix_len() - subnet.prefix_len() > 1;
    if has_ends && address == subnet.network() {
        return Some("the network address");
    }
    (has_ends && address.is_ipv4() && address == subnet.broadcast()).then_some("the broadcast address")
}
