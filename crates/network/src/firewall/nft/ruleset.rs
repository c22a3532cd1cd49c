//! The rules of an engine's networks: a pure function of what should be.
//!
//! The chains never change; a network or a published port is an element in a set, so that a change is one small
//! transaction whatever the number of containers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use super::model::{Chain, ChainKind, Element, Family, Field, Hook, Rule, Set, Table, Term, Type, Value};
use crate::firewall::Rules;
use crate::model::{NetworkSpec, PublishedPort};

/// Every bridge of this engine.
const BRIDGES: &str = "bridges";
/// Bridges of `internal` networks.
const INTERNAL: &str = "internal";
/// Pairs of a bridge with itself, for networks whose containers may talk to each other. Only seen where
/// `br_netfilter` shows bridged packets to the IP hooks.
const SAME: &str = "same";
/// Interfaces between which this host did not forward before the engine switched forwarding on.
const UNROUTED: &str = "unrouted";
/// All container subnets.
const SUBNETS: &str = "subnets";
/// Subnets whose outgoing connections take the host's address.
const OUTGOING: &str = "outgoing";
/// Ports published on every address of the host.
const PORTS: &str = "ports";
/// Ports published on one address of the host.
const ADDRESSED: &str = "addressed_ports";

const RAW: i32 = -300;
const DSTNAT: i32 = -100;
const FILTER: i32 = 0;
const SRCNAT: i32 = 100;

/// The tables that should exist: one for each family that some network has, none without networks.
pub(crate) fn tables(name: &str, rules: &Rules) -> Vec<Table> {
    [Family::Ip, Family::Ip6].into_iter().filter_map(|family| table(family, name, rules)).collect()
}

fn table(family: Family, name: &str, rules: &Rules) -> Option<Table> {
    let networks: Vec<_> = rules.networks().filter(|network| subnet(family, network).is_some()).collect();
    (!networks.is_empty()).then(|| Table {
        family,
        name: name.to_owned(),
        sets: sets(family, &networks, rules),
        chains: chains(family),
    })
}

fn sets(family: Family, networks: &[&NetworkSpec], rules: &Rules) -> Vec<Set> {
    let address = match family {
        Family::Ip => Type::Ipv4,
        Family::Ip6 => Type::Ipv6,
    };
    let (ports, addressed) = published(family, rules);
    let bridges = |wanted: fn(&NetworkSpec) -> bool, times: usize| {
        let chosen = networks.iter().filter(|network| wanted(network));
        chosen.map(|network| key(vec![Value::Interface(network.bridge.to_string()); times])).collect()
    };
    let nets = |wanted: fn(&NetworkSpec) -> bool| {
        let chosen = networks.iter().filter(|network| wanted(network));
        chosen.filter_map(|network| subnet(family, network)).map(|net| key(vec![net])).collect()
    };
    let interfaces = |name, elements| plain(name, vec![Type::Interface], elements);
    let target = vec![address, Type::Service];
    vec![
        interfaces(BRIDGES, bridges(|_| true, 1)),
        interfaces(INTERNAL, bridges(|network| network.internal, 1)),
        plain(SAME, vec![Type::Interface; 2], bridges(|network| network.icc, 2)),
        interfaces(
            UNROUTED,
            rules.unrouted.iter().map(|nic| key(vec![Value::Interface(nic.clone())])).collect(),
        ),
        Set { interval: true, ..plain(SUBNETS, vec![address], nets(|_| true)) },
        Set { interval: true, ..plain(OUTGOING, vec![address], nets(|n| n.masquerade && !n.internal)) },
        Set { data: target.clone(), ..plain(PORTS, vec![Type::Protocol, Type::Service], ports) },
        Set { data: target, ..plain(ADDRESSED, vec![address, Type::Protocol, Type::Service], addressed) },
    ]
}

fn plain(name: &'static str, key: Vec<Type>, elements: BTreeSet<Element>) -> Set {
    Set { name, key, data: Vec::new(), interval: false, elements }
}

fn key(key: Vec<Value>) -> Element {
    Element { key, data: Vec::new() }
}

fn subnet(family: Family, network: &NetworkSpec) -> Option<Value> {
    match family {
        Family::Ip => network.ipv4().map(|(net, _)| Value::Network(net.into())),
        Family::Ip6 => network.ipv6().map(|(net, _)| Value::Network(net.into())),
    }
}

/// Elements of [`PORTS`] and of [`ADDRESSED`].
fn published(family: Family, rules: &Rules) -> (BTreeSet<Element>, BTreeSet<Element>) {
    let (mut ports, mut addressed) = (BTreeSet::new(), BTreeSet::new());
    for publication in rules.publications() {
        let target: Option<IpAddr> = match family {
            Family::Ip => publication.ipv4.map(IpAddr::V4),
            Family::Ip6 => publication.ipv6.map(IpAddr::V6),
        };
        let Some(target) = target else { continue };
        for port in &publication.ports {
            let data = vec![Value::Address(target), Value::Service(port.container_port)];
            let mut key = vec![Value::Protocol(port.protocol), Value::Service(port.host_port)];
            match binding(family, port) {
                Binding::Every => _ = ports.insert(Element { key, data }),
                Binding::One(address) => {
                    key.insert(0, Value::Address(address));
                    addressed.insert(Element { key, data });
                }
                Binding::OtherFamily => {}
            }
        }
    }
    (ports, addressed)
}

enum Binding {
    Every,
    One(IpAddr),
    OtherFamily,
}

fn binding(family: Family, port: &PublishedPort) -> Binding {
    match (port.host_ip, family) {
        (None, _) => Binding::Every,
        (Some(IpAddr::V4(v4)), Family::Ip) if v4.is_unspecified() => Binding::Every,
        (Some(IpAddr::V6(v6)), Family::Ip6) if v6.is_unspecified() => Binding::Every,
        (Some(address @ IpAddr::V4(_)), Family::Ip) | (Some(address @ IpAddr::V6(_)), Family::Ip6) => {
            Binding::One(address)
        }
        _ => Binding::OtherFamily,
    }
}

fn chains(family: Family) -> Vec<Chain> {
    let mut chains = vec![
        chain("forward", ChainKind::Filter, Hook::Forward, FILTER, forward()),
        chain("prerouting", ChainKind::Nat, Hook::Prerouting, DSTNAT, translate()),
        chain("output", ChainKind::Nat, Hook::Output, DSTNAT, output(family)),
        chain("postrouting", ChainKind::Nat, Hook::Postrouting, SRCNAT, postrouting(family)),
    ];
    if family == Family::Ip {
        chains.insert(0, chain("guard", ChainKind::Filter, Hook::Prerouting, RAW, guard()));
    }
    chains
}

fn chain(name: &'static str, kind: ChainKind, hook: Hook, priority: i32, rules: Vec<Rule>) -> Chain {
    Chain { name, kind, hook, priority, rules }
}

/// The bridges accept packets of 127.0.0.0/8 so that the host reaches published ports by 127.0.0.1; containers must
/// not reach the host's own services that way.
fn guard() -> Vec<Rule> {
    vec![vec![from_bridge(), Term::IsLoopback(Field::Destination), Term::Drop]]
}

/// What may pass through the host. Whatever goes to a container must have been published or be an answer; that also
/// keeps networks apart, and drops what other hosts send to container addresses directly.
fn forward() -> Vec<Rule> {
    use Field::{InInterface, OutInterface};
    vec![
        vec![Term::In(vec![InInterface, OutInterface], SAME), Term::Accept],
        vec![Term::In(vec![InInterface], INTERNAL), Term::Drop],
        vec![Term::In(vec![OutInterface], INTERNAL), Term::Drop],
        vec![Term::In(vec![InInterface], UNROUTED), Term::In(vec![OutInterface], UNROUTED), Term::Drop],
        vec![Term::NotIn(OutInterface, BRIDGES), Term::Accept],
        vec![Term::Established, Term::Accept],
        vec![Term::Published, Term::Accept],
        vec![Term::Drop],
    ]
}

fn translate() -> Vec<Rule> {
    use Field::{Destination, DestinationPort, Protocol};
    vec![
        vec![Term::Redirect(vec![Destination, Protocol, DestinationPort], ADDRESSED)],
        vec![Term::ToHost, Term::Redirect(vec![Protocol, DestinationPort], PORTS)],
    ]
}

/// The host's own connections. IPv6 has no way from `::1` out of the host: those stay with the engine's proxy.
fn output(family: Family) -> Vec<Rule> {
    let mut rules = translate();
    if family == Family::Ip6 {
        let loopback = Value::Address(Ipv6Addr::LOCALHOST.into());
        rules.insert(0, vec![Term::Is(Field::Destination, loopback), Term::Return]);
    }
    rules
}

/// Whose source address changes: the host's 127.0.0.1, which no container could answer; containers that reach a
/// container by a published port, because the answer would go past the host; and what leaves.
fn postrouting(family: Family) -> Vec<Rule> {
    let from_subnets = Term::In(vec![Field::Source], SUBNETS);
    let mut rules = vec![
        vec![to_bridge(), from_subnets, Term::Published, Term::Masquerade],
        vec![
            Term::NotIn(Field::OutInterface, BRIDGES),
            Term::In(vec![Field::Source], OUTGOING),
            Term::Masquerade,
        ],
    ];
    if family == Family::Ip {
        rules.insert(0, vec![to_bridge(), Term::IsLoopback(Field::Source), Term::Masquerade]);
    }
    rules
}

fn from_bridge() -> Term {
    Term::In(vec![Field::InInterface], BRIDGES)
}

fn to_bridge() -> Term {
    Term::In(vec![Field::OutInterface], BRIDGES)
}

#[cfg(test)]
mod tests;
