//! What this kernel offers for networks, and what will be missing.

mod trial;

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::fabric::FirewallChoice;
use crate::firewall::{forward_drops, iptables_variant};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What was looked at: `namespaces`, `bridge`, `nf_tables`, `ip_forward`, `ipv6`, ….
    pub name: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, in one line.
    pub detail: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All there.
    Good,
    /// Something degrades; the detail names the loss.
    Degraded,
    /// Networks cannot work.
    Missing,
}

impl Probe {
    fn new(name: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { name, verdict, detail: detail.into() }
    }
}

/// Looks at everything. What has to be tried is tried in a namespace of its own: nothing outlives the call.
pub fn probe() -> Vec<Probe> {
    let nftables = trial::with_firewall(FirewallChoice::Nftables);
    let iptables = match nftables {
        Ok(()) => Ok(()),
        Err(_) => trial::with_firewall(FirewallChoice::Iptables)
            .or_else(|_| trial::with_firewall(FirewallChoice::IptablesLegacy)),
    };
    let mut probes = vec![namespaces(), interfaces(), firewall(&nftables, &iptables)];
    probes.extend([ip_forward(), bridge_filter(), ipv6(), resolver(nftables.is_ok())]);
    probes.extend(obstacles());
    probes
}

/// Firewalls of others that drop what Berth lets through: a packet has to be accepted by all of them.
pub fn obstacles() -> Vec<Probe> {
    let drops = forward_drops().unwrap_or_default();
    let detail = |chain: &String| {
        format!(
            "{chain} drops what it does not accept itself: containers reach nothing outside, and nobody outside their \
             published ports, until it accepts the interfaces br-* in both directions (with Docker: in DOCKER-USER)"
        )
    };
    drops.iter().map(|chain| Probe::new("other firewall", Verdict::Degraded, detail(chain))).collect()
}

fn namespaces() -> Probe {
    match trial::namespace() {
        Ok(()) => Probe::new("network namespaces", Verdict::Good, "can be made"),
        Err(error) => Probe::new("network namespaces", Verdict::Missing, format!("cannot be made: {error}")),
    }
}

fn interfaces() -> Probe {
    match trial::interfaces() {
        Ok(()) => Probe::new("bridge and veth", Verdict::Good, "can be made"),
        Err(error) => Probe::new("bridge and veth", Verdict::Missing, error),
    }
}

fn firewall(nftables: &Result<(), String>, iptables: &Result<(), String>) -> Probe {
    match (nftables, iptables) {
        (Ok(()), _) => Probe::new("firewall", Verdict::Good, "nf_tables with address translation"),
        (Err(why), Ok(())) => {
            let tool = iptables_variant().unwrap_or_default();
            let loss = "every change writes all rules anew, and removed rules are noticed after 10 seconds";
            Probe::new("firewall", Verdict::Degraded, format!("{tool} instead of nf_tables ({why}): {loss}"))
        }
        (Err(why), Err(also)) => {
            Probe::new("firewall", Verdict::Missing, format!("nf_tables: {why}; iptables-restore: {also}"))
        }
    }
}

fn ip_forward() -> Probe {
    const PATH: &str = "/proc/sys/net/ipv4/ip_forward";
    let on = fs::read_to_string(PATH).is_ok_and(|value| value.trim() == "1");
    match (on, writable(PATH)) {
        (true, _) => Probe::new("ip_forward", Verdict::Good, "on"),
        (false, Ok(())) => Probe::new("ip_forward", Verdict::Good, "off; switched on with the first network"),
        (false, Err(error)) => {
            Probe::new("ip_forward", Verdict::Missing, format!("off, and {PATH} cannot be written: {error}"))
        }
    }
}

fn writable(path: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path).map(|_| ())
}

fn bridge_filter() -> Probe {
    let value = fs::read_to_string("/proc/sys/net/bridge/bridge-nf-call-iptables").unwrap_or_default();
    match value.trim() {
        "1" => Probe::new("br_netfilter", Verdict::Good, "rules see packets within a network (slower)"),
        _ => Probe::new("br_netfilter", Verdict::Good, "rules do not see packets within a network"),
    }
}

fn ipv6() -> Probe {
    if !Path::new("/proc/sys/net/ipv6").exists() {
        return Probe::new(
            "ipv6",
            Verdict::Degraded,
            "not in this kernel: no IPv6 networks, no published ports over IPv6",
        );
    }
    let off =
        fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6").is_ok_and(|value| value.trim() == "1");
    match off {
        true => Probe::new("ipv6", Verdict::Degraded, "switched off: no published ports over IPv6"),
        false => Probe::new("ipv6", Verdict::Good, "available"),
    }
}

fn resolver(nftables: bool) -> Probe {
    let servers = crate::dns::host_resolv_conf().nameservers;
    let list = servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (servers.is_empty(), nftables) {
        (true, _) => Probe::new(
            "dns",
            Verdict::Degraded,
            "no resolver in /etc/resolv.conf: containers find each other alone",
        ),
        (false, true) => Probe::new("dns", Verdict::Good, format!("unknown names are asked at {list}")),
        (false, false) => {
            let loss = "without nf_tables a container cannot serve DNS on port 53 of all its addresses";
            Probe::new("dns", Verdict::Degraded, format!("unknown names are asked at {list}; {loss}"))
        }
    }
}
