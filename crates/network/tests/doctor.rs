//! What `doctor` finds, and that it leaves nothing behind.

mod lab;

use lab::World;
use network::doctor::{Verdict, obstacles, probe};

#[test]
fn everything_that_berth_needs_is_tried_and_nothing_stays() {
    let world = World::new();
    let state = "ip -o link | cut -d: -f2; nft list ruleset; cat /proc/sys/net/ipv4/ip_forward; ls /tmp | grep berth-doctor || true";
    let before = world.sh(state);
    let probes = world.run(probe);
    assert_eq!(world.sh(state), before);
    let verdict = |name| probes.iter().find(|probe| probe.name == name).map(|probe| probe.verdict);
    for name in ["network namespaces", "bridge and veth", "firewall", "ip_forward"] {
        assert_eq!(verdict(name), Some(Verdict::Good), "{probes:?}");
    }
    assert_eq!(verdict("other firewall"), None);
}

#[test]
fn a_firewall_that_forwards_nothing_is_named() {
    let world = World::new();
    world.sh("nft add table inet fw; nft add chain inet fw gate '{ type filter hook forward priority 0; policy drop; }'");
    world.sh("iptables-legacy -P FORWARD DROP; iptables -P FORWARD DROP");
    let found: Vec<_> = world.run(obstacles).into_iter().map(|probe| probe.detail).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    for (detail, chain) in
        found.iter().zip(["chain gate of nf_tables' inet fw", "chain FORWARD of nf_tables' ip filter"])
    {
        assert!(detail.starts_with(chain), "{detail}");
    }
    assert!(found[2].starts_with("chain FORWARD of iptables-legacy"));
}
