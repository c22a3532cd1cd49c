use super::*;
use crate::firewall::sample;

#[test]
fn the_chains_are_written_as_iptables_restore_reads_them() {
    let rules = sample::rules();
    let restore = Restore::new(Protocol::Ipv4, "BERTH", &rules).unwrap();
    assert_eq!(restore.text(&restore.jumps()), include_str!("ipv4.iptables"));
}

#[test]
fn an_ipv6_network_has_chains_too() {
    let rules = sample::ipv6_rules();
    let restore = Restore::new(Protocol::Ipv6, "BERTH-0000abcd", &rules).unwrap();
    let text = restore.text(&restore.jumps());
    assert!(text.contains("-I OUTPUT ! -d ::1/128 -j BERTH-0000abcd-DNAT\n"));
    assert!(text.contains("-d fd00:9::1 -p tcp --dport 81 -j DNAT --to-destination [fd00:1::2]:81\n"));
    assert!(!text.contains("127.0.0.0"));
}

#[test]
fn without_networks_only_what_is_there_is_removed() {
    let rules = Rules::default();
    assert!(Restore::new(Protocol::Ipv4, "BERTH", &rules).is_none());
    assert_eq!(removal(Protocol::Ipv4, "BERTH", "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"), "");
    let saved =
        "*filter\n:FORWARD ACCEPT [0:0]\n:BERTH-FORWARD - [0:0]\n-A FORWARD -j BERTH-FORWARD\nCOMMIT\n";
    assert_eq!(
        removal(Protocol::Ipv4, "BERTH", saved),
        "*filter\n-D FORWARD -j BERTH-FORWARD\n-F BERTH-FORWARD\n-X BERTH-FORWARD\nCOMMIT\n"
    );
}
