//! Networks and ports for golden tests.

use super::Rules;
use crate::model::{NetworkId, NetworkSpec, Protocol, Publication, PublishedPort};
use crate::plan::{NetworkRequest, Occupied, SubnetRequest, plan_network};

fn network(digit: char, subnets: &[&str]) -> NetworkSpec {
    let id: NetworkId = std::iter::repeat_n(digit, 12).collect::<String>().parse().unwrap();
    let subnet =
        |text: &&str| SubnetRequest { subnet: Some(text.parse().unwrap()), ..SubnetRequest::default() };
    let subnets = subnets.iter().map(subnet).collect();
    let request = NetworkRequest { name: digit.to_string(), subnets, ..NetworkRequest::default() };
    plan_network(id, &request, &Occupied::default()).unwrap()
}

fn port(host_ip: Option<&str>, host_port: u16, container_port: u16, protocol: Protocol) -> PublishedPort {
    PublishedPort { host_ip: host_ip.map(|ip| ip.parse().unwrap()), host_port, container_port, protocol }
}

/// An open, an internal and a closed network, and ports in every form.
pub(super) fn rules() -> Rules {
    let mut rules = Rules::default();
    rules.add_network(network('a', &["172.17.0.0/16"]));
    rules.add_network(NetworkSpec { internal: true, ..network('b', &["172.18.0.0/16"]) });
    rules.add_network(NetworkSpec { icc: false, ..network('c', &["10.0.0.0/24"]) });
    rules.publish(Publication {
        container: "web".into(),
        ipv4: Some("172.17.0.2".parse().unwrap()),
        ipv6: None,
        ports: vec![
            port(None, 8080, 80, Protocol::Tcp),
            port(Some("0.0.0.0"), 8081, 81, Protocol::Tcp),
            port(Some("127.0.0.1"), 53, 5353, Protocol::Udp),
            port(Some("::1"), 53, 5353, Protocol::Udp),
        ],
    });
    rules
}

/// A network with both kinds of addresses.
pub(super) fn ipv6_rules() -> Rules {
    let mut rules = Rules::default();
    rules.add_network(network('a', &["172.17.0.0/16", "fd00:1::/64"]));
    rules.publish(Publication {
        container: "web".into(),
        ipv4: Some("172.17.0.2".parse().unwrap()),
        ipv6: Some("fd00:1::2".parse().unwrap()),
        ports: vec![port(None, 8080, 80, Protocol::Tcp), port(Some("fd00:9::1"), 81, 81, Protocol::Tcp)],
    });
    rules
}
