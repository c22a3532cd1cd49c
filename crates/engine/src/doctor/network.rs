//! Networks: what the network crate tried, and the way out of this host.

use super::{Finding, list};
use network::doctor::{Probe, Verdict};
use std::{fs, path::Path};

const AREA: &str = "network";

/// The least that IPv6 needs of a link.
const LEAST_MTU: u32 = 1280;

/// Everything there is to say about networks.
pub(super) fn findings() -> Vec<Finding> {
    let mut findings: Vec<_> = network::doctor::probe().into_iter().map(of_probe).collect();
    findings.extend(judge(&Facts::gather()));
    findings
}

fn of_probe(probe: Probe) -> Finding {
    let finding = Finding::good(AREA, probe.name, probe.detail);
    match probe.verdict {
        Verdict::Good => finding,
        Verdict::Degraded => finding.degraded("a part of networking is lost, as said", remedy(probe.name)),
        Verdict::Missing => {
            finding.missing("containers can have no network but `host` and `none`", remedy(probe.name))
        }
    }
}

fn remedy(subject: &str) -> &'static str {
    match subject {
        "network namespaces" => "use a kernel with CONFIG_NET_NS; sysctl -w user.max_net_namespaces=10000",
        "bridge and veth" => "modprobe bridge veth",
        "firewall" => "modprobe nf_tables nft_nat nft_masq, or apt install iptables",
        "ip_forward" => "sysctl -w net.ipv4.ip_forward=1 before Berth is started",
        "ipv6" => "sysctl -w net.ipv6.conf.all.disable_ipv6=0",
        "dns" => "name a resolver in /etc/resolv.conf",
        _ => "",
    }
}

#[derive(Debug, Clone, Default)]
struct Facts {
    /// The interface of the default route, and its MTU where sysfs shows this network namespace.
    uplink: Option<(String, Option<u32>)>,
    /// Kinds of interfaces that the kernel has or can load, of [`KINDS`].
    kinds: Vec<&'static str>,
}

/// Kinds of interfaces beside the essential ones.
const KINDS: [&str; 3] = ["vxlan", "macvlan", "ipvlan"];

impl Facts {
    fn gather() -> Self {
        let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
        let uplink = default_interface(&routes).map(|name| {
            let mtu = fs::read_to_string(format!("/sys/class/net/{name}/mtu")).unwrap_or_default();
            (name.to_owned(), mtu.trim().parse().ok())
        });
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let modules = ["builtin", "dep"].map(|list| {
            fs::read_to_string(format!("/lib/modules/{release}/modules.{list}")).unwrap_or_default()
        });
        let has = |kind: &&str| {
            Path::new("/sys/module").join(kind).exists()
                || modules.iter().any(|list| list.contains(&format!("/{kind}.ko")))
        };
        Self { uplink, kinds: KINDS.into_iter().filter(has).collect() }
    }
}

/// The interface of the first default route in `/proc/net/route`.
fn default_interface(routes: &str) -> Option<&str> {
    const UP_AND_USABLE: u32 = 1;
    routes.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (name, destination, _, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let mask = fields.nth(3)?;
        let is_default = destination == "00000000" && mask == "00000000" && flags & UP_AND_USABLE != 0;
        is_default.then_some(name)
    })
}

fn judge(facts: &Facts) -> Vec<Finding> {
    vec![uplink(facts), kinds(facts)]
}

fn uplink(facts: &Facts) -> Finding {
    match &facts.uplink {
        None => Finding::good(AREA, "uplink", "no default route")
            .degraded("containers reach only each other and this host", "ip route add default via ADDRESS"),
        Some((name, None)) => Finding::good(AREA, "uplink", name),
        Some((name, Some(mtu))) if *mtu < LEAST_MTU => {
            Finding::good(AREA, "uplink", format!("{name}, MTU {mtu}")).degraded(
                format!("networks take this MTU, and IPv6 needs {LEAST_MTU}"),
                "raise the MTU of the uplink",
            )
        }
        Some((name, Some(mtu))) => Finding::good(AREA, "uplink", format!("{name}, MTU {mtu}")),
    }
}

/// No loss: no network of Berth's is made of them.
fn kinds(facts: &Facts) -> Finding {
    let found = match facts.kinds.is_empty() {
        true => "none loaded or to be loaded (Berth needs none)".to_owned(),
        false => list(&facts.kinds),
    };
    Finding::good(AREA, "other interfaces", found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict as Overall;

    #[test]
    fn what_networks_lack_has_a_consequence_and_a_remedy() {
        let probe = |verdict| Probe { name: "firewall", verdict, detail: "seen".to_owned() };
        let missing = of_probe(probe(Verdict::Missing));
        assert_eq!((missing.verdict, missing.found.as_str()), (Overall::Missing, "seen"));
        assert!(!missing.consequence.is_empty() && !missing.remedy.is_empty());
        assert!(of_probe(probe(Verdict::Good)).consequence.is_empty());
    }

    #[test]
    fn the_uplink_is_that_of_the_default_route() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        assert_eq!(default_interface(routes), Some("eth0"));
        assert_eq!(default_interface("Iface\n"), None);
    }

    #[test]
    fn a_host_without_a_way_out_and_a_narrow_one_are_told_apart() {
        let of = |uplink| uplink_finding(uplink);
        assert_eq!(of(None).found, "no default route");
        assert_eq!(of(Some(("eth0".to_owned(), Some(1500)))).verdict, Overall::Good);
        assert_eq!(of(Some(("wg0".to_owned(), Some(1200)))).verdict, Overall::Degraded);
    }

    fn uplink_finding(uplink: Option<(String, Option<u32>)>) -> Finding {
        super::uplink(&Facts { uplink, kinds: Vec::new() })
    }
}
