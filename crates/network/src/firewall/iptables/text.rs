//! The rules in the format of `iptables-restore`: a pure function of what should be.

use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Protocol;
use crate::firewall::Rules;
use crate::model::{NetworkSpec, Publication, PublishedPort};

/// A rule in a built-in chain that leads to one of Berth's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jump {
    table: &'static str,
    rule: String,
}

impl Jump {
    /// The rule as a command: `-A`, `-I` or `-D`.
    pub(super) fn line(&self, command: &str) -> String {
        format!("{command} {}", self.rule)
    }
}

/// The jumps that lead to the chains.
pub(super) fn jumps(protocol: Protocol, prefix: &str) -> Vec<Jump> {
    let jump = |table, rule: &str| Jump { table, rule: rule.replace('@', prefix) };
    let output = match protocol {
        Protocol::Ipv4 => "OUTPUT -j @-DNAT",
        Protocol::Ipv6 => "OUTPUT ! -d ::1/128 -j @-DNAT",
    };
    vec![
        jump("raw", "PREROUTING -j @-GUARD"),
        jump("filter", "FORWARD -j @-FORWARD"),
        jump("nat", "PREROUTING -j @-DNAT"),
        jump("nat", output),
        jump("nat", "POSTROUTING -j @-SNAT"),
    ]
}

const CHAINS: [(&str, &str); 5] =
    [("raw", "GUARD"), ("filter", "FORWARD"), ("nat", "DNAT"), ("nat", "SNAT"), ("nat", "HAIRPIN")];
const TABLES: [&str; 3] = ["raw", "filter", "nat"];

/// What removes jumps and chains that `saved` (the output of `iptables-save`) shows; empty when it shows none.
pub(super) fn removal(protocol: Protocol, prefix: &str, saved: &str) -> String {
    let declared = |name: &str| saved.lines().any(|line| line.starts_with(&format!(":{prefix}-{name} ")));
    let mut text = String::new();
    for table in TABLES {
        let chains: Vec<_> = CHAINS.iter().filter(|(of, name)| *of == table && declared(name)).collect();
        if chains.is_empty() {
            continue;
        }
        let _ = writeln!(text, "*{table}");
        let present = jumps(protocol, prefix).into_iter().filter(|jump| jump.table == table);
        for jump in present.filter(|jump| saved.lines().any(|line| line == jump.line("-A"))) {
            let _ = writeln!(text, "{}", jump.line("-D"));
        }
        chains.iter().for_each(|(_, name)| _ = writeln!(text, "-F {prefix}-{name}"));
        chains.iter().for_each(|(_, name)| _ = writeln!(text, "-X {prefix}-{name}"));
        text.push_str("COMMIT\n");
    }
    text
}

/// The chains' content.
#[derive(Debug)]
pub(super) struct Restore<'a> {
    protocol: Protocol,
    prefix: &'a str,
    rules: &'a Rules,
    networks: Vec<(&'a NetworkSpec, IpNet)>,
}

impl<'a> Restore<'a> {
    /// `None` when no network has addresses of this kind: then there is nothing to install.
    pub(super) fn new(protocol: Protocol, prefix: &'a str, rules: &'a Rules) -> Option<Self> {
        let subnet = |network: &NetworkSpec| match protocol {
            Protocol::Ipv4 => network.ipv4().map(|(net, _)| IpNet::V4(net)),
            Protocol::Ipv6 => network.ipv6().map(|(net, _)| IpNet::V6(net)),
        };
        let networks: Vec<_> = rules.networks().filter_map(|n| subnet(n).map(|net| (n, net))).collect();
        (!networks.is_empty()).then_some(Self { protocol, prefix, rules, networks })
    }

    /// The jumps that have to be there.
    pub(super) fn jumps(&self) -> Vec<Jump> {
        jumps(self.protocol, self.prefix)
    }

    /// The whole input: chains emptied and filled, and these jumps put in front.
    pub(super) fn text(&self, missing: &[Jump]) -> String {
        let mut text = String::new();
        for table in TABLES {
            let _ = writeln!(text, "*{table}");
            for (_, name) in CHAINS.iter().filter(|(of, _)| *of == table) {
                let _ = writeln!(text, ":{}-{name} - [0:0]", self.prefix);
            }
            for jump in missing.iter().filter(|jump| jump.table == table) {
                let _ = writeln!(text, "{}", jump.line("-I"));
            }
            for (_, name) in CHAINS.iter().filter(|(of, _)| *of == table) {
                let rules = self.chain(name);
                rules.iter().for_each(|rule| _ = writeln!(text, "-A {}-{name} {rule}", self.prefix));
            }
            text.push_str("COMMIT\n");
        }
        text
    }

    fn chain(&self, name: &str) -> Vec<String> {
        match name {
            "GUARD" => self.guard(),
            "FORWARD" => self.forward(),
            "DNAT" => self.translate(),
            "SNAT" => self.postrouting(),
            _ => self.networks.iter().map(|(_, net)| format!("-s {net} -j MASQUERADE")).collect(),
        }
    }

    fn guard(&self) -> Vec<String> {
        match self.protocol {
            Protocol::Ipv4 => self.each(|_| true, |bridge, _| format!("-d 127.0.0.0/8 -i {bridge} -j DROP")),
            Protocol::Ipv6 => Vec::new(),
        }
    }

    /// As the nf_tables chain of that name, but that what leaves is accepted by name, because an `ACCEPT` here ends
    /// the whole built-in chain and is none of Berth's business for other packets.
    fn forward(&self) -> Vec<String> {
        let open = |n: &NetworkSpec| !n.internal;
        let unrouted = &self.rules.unrouted;
        let between =
            unrouted.iter().flat_map(|i| unrouted.iter().map(move |o| format!("-i {i} -o {o} -j DROP")));
        [
            self.each(|n| n.icc, |b, _| format!("-i {b} -o {b} -j ACCEPT")),
            self.each(|n| n.internal, |b, _| format!("-i {b} -j DROP")),
            self.each(|n| n.internal, |b, _| format!("-o {b} -j DROP")),
            between.collect(),
            self.each(open, |b, _| format!("-o {b} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")),
            self.each(open, |b, _| format!("-o {b} -m conntrack --ctstate DNAT -j ACCEPT")),
            self.each(open, |b, _| format!("-o {b} -j DROP")),
            self.each(open, |b, _| format!("-i {b} -j ACCEPT")),
        ]
        .concat()
    }

    /// Ports on one address come before those on all.
    fn translate(&self) -> Vec<String> {
        let publications = self.rules.publications();
        let mut rules: Vec<(bool, String)> = publications.flat_map(|p| self.redirects(p)).collect();
        rules.sort();
        rules.into_iter().map(|(_, rule)| rule).collect()
    }

    fn redirects(&self, publication: &Publication) -> Vec<(bool, String)> {
        let target: Option<IpAddr> = match self.protocol {
            Protocol::Ipv4 => publication.ipv4.map(IpAddr::V4),
            Protocol::Ipv6 => publication.ipv6.map(IpAddr::V6),
        };
        let Some(target) = target else { return Vec::new() };
        publication.ports.iter().filter_map(|port| self.redirect(port, target)).collect()
    }

    fn redirect(&self, port: &PublishedPort, target: IpAddr) -> Option<(bool, String)> {
        let everywhere = port.host_ip.is_none_or(|ip| ip.is_unspecified());
        if port.host_ip.is_some_and(|ip| ip.is_ipv4() != target.is_ipv4()) {
            return None;
        }
        let destination = match port.host_ip {
            Some(ip) if !everywhere => format!("-d {ip}"),
            _ => "-m addrtype --dst-type LOCAL".to_owned(),
        };
        let PublishedPort { protocol, host_port, container_port, .. } = port;
        let to = std::net::SocketAddr::new(target, *container_port);
        let rule = format!("{destination} -p {protocol} --dport {host_port} -j DNAT --to-destination {to}");
        Some((everywhere, rule))
    }

    fn postrouting(&self) -> Vec<String> {
        let loopback = match self.protocol {
            Protocol::Ipv4 => self.each(|_| true, |b, _| format!("-s 127.0.0.0/8 -o {b} -j MASQUERADE")),
            Protocol::Ipv6 => Vec::new(),
        };
        let hairpin = |b: &str, _| format!("-o {b} -m conntrack --ctstate DNAT -j {}-HAIRPIN", self.prefix);
        [
            loopback,
            self.each(|_| true, hairpin),
            self.each(|n| n.masquerade && !n.internal, |b, net| format!("-s {net} ! -o {b} -j MASQUERADE")),
        ]
        .concat()
    }

    fn each(
        &self,
        wanted: impl Fn(&NetworkSpec) -> bool,
        rule: impl Fn(&str, IpNet) -> String,
    ) -> Vec<String> {
        let chosen = self.networks.iter().filter(|(network, _)| wanted(network));
        chosen.map(|(network, net)| rule(network.bridge.as_str(), *net)).collect()
    }
}

#[cfg(test)]
mod tests;
