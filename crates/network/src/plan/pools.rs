//! Where subnets come from that nobody names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Occupied;
use crate::hash::fnv64;
use crate::model::NetworkId;

/// Docker's default pools, in its order: 172.17 to 172.31 in /16, then 192.168 in /20.
fn ipv4_candidates() -> impl Iterator<Item = Ipv4Net> {
    let large = (17..=31).map(|second| Ipv4Net::new_assert(Ipv4Addr::new(172, second, 0, 0), 16));
    let small = (0..16).map(|n| Ipv4Net::new_assert(Ipv4Addr::new(192, 168, n * 16, 0), 20));
    large.chain(small)
}

/// Unique local /64s that depend on the network's id, so that two hosts hardly ever choose the same.
fn ipv6_candidates(id: &NetworkId) -> impl Iterator<Item = Ipv6Net> {
    let bits = fnv64(id.as_str().as_bytes());
    (0..64).map(move |attempt| {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&bits.wrapping_add(attempt).to_be_bytes());
        octets[0] = 0xfd;
        Ipv6Net::new_assert(Ipv6Addr::from(octets), 64)
    })
}

/// The first free IPv4 subnet.
pub(super) fn free_ipv4(occupied: &Occupied) -> Option<IpNet> {
    ipv4_candidates().map(IpNet::V4).find(|net| is_free(net, occupied))
}

/// A free IPv6 subnet.
pub(super) fn free_ipv6(id: &NetworkId, occupied: &Occupied) -> Option<IpNet> {
    ipv6_candidates(id).map(IpNet::V6).find(|net| is_free(net, occupied))
}

fn is_free(net: &IpNet, occupied: &Occupied) -> bool {
    let routed = occupied.routes.iter().any(|route| overlap(net, &route.destination));
    let used = occupied.networks.iter().flat_map(|network| &network.subnets).any(|s| overlap(net, &s.net));
    let hides = occupied.resolvers.iter().any(|address: &IpAddr| net.contains(address));
    !routed && !used && !hides
}

/// Whether two networks share an address.
pub(super) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::HostRoute;

    fn occupied(routes: &[&str]) -> Occupied {
        let route = |text: &&str| HostRoute { destination: text.parse().unwrap(), interface: "eth0".into() };
        Occupied { routes: routes.iter().map(route).collect(), ..Occupied::default() }
    }

    #[test]
    fn pools_are_dockers_and_in_its_order() {
        let all: Vec<String> = ipv4_candidates().map(|net| net.to_string()).collect();
        assert_eq!((all.len(), all[0].as_str(), all[14].as_str()), (31, "172.17.0.0/16", "172.31.0.0/16"));
        assert_eq!((all[15].as_str(), all[30].as_str()), ("192.168.0.0/20", "192.168.240.0/20"));
    }

    #[test]
    fn a_host_route_of_any_size_is_avoided() {
        let free = |routes: &[&str]| free_ipv4(&occupied(routes)).unwrap().to_string();
        assert_eq!(free(&[]), "172.17.0.0/16");
        assert_eq!(free(&["172.17.3.0/24"]), "172.18.0.0/16");
        assert_eq!(free(&["172.16.0.0/12"]), "192.168.0.0/20");
        assert_eq!(free(&["172.16.0.0/12", "192.168.1.7/32"]), "192.168.16.0/20");
    }

    #[test]
    fn a_resolver_of_the_host_stays_visible() {
        let resolvers = vec!["172.17.0.53".parse().unwrap()];
        let occupied = Occupied { resolvers, ..Occupied::default() };
        assert_eq!(free_ipv4(&occupied).unwrap().to_string(), "172.18.0.0/16");
    }

    #[test]
    fn nothing_is_left_when_everything_is_routed() {
        assert_eq!(free_ipv4(&occupied(&["172.16.0.0/12", "192.168.0.0/16"])), None);
    }

    #[test]
    fn an_ipv6_subnet_is_unique_local_and_stable() {
        let id: NetworkId = "0123456789abcdef".parse().unwrap();
        let one = free_ipv6(&id, &Occupied::default()).unwrap();
        assert_eq!(Some(one), free_ipv6(&id, &Occupied::default()));
        assert!(one.to_string().starts_with("fd") && one.prefix_len() == 64);
    }
}
