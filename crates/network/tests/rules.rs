//! Rules and interfaces on the real kernel: what is there, what comes back, and that nothing stays.

mod lab;

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use lab::{HOST, Lab, World, container_of, endpoint, network_id, network_of, on, open, publish_on, tcp, udp};
use network::{DesiredState, FirewallChoice, Instance, NetnsOptions, Publication};

/// `nft` breaks long lists of elements into lines and has no order in them: joined again and sorted.
fn words(text: &str) -> Vec<String> {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let in_order = |part: &str| match part.split_once('}') {
        None => part.to_owned(),
        Some((elements, rest)) => {
            let mut elements: Vec<_> = elements.split(',').map(str::trim).collect();
            elements.sort_unstable();
            format!("{} }}{rest}", elements.join(", "))
        }
    };
    joined.split("elements = {").map(in_order).collect()
}

#[test]
fn nft_lists_exactly_what_was_meant() {
    let lab = Lab::new();
    let net = lab.network('a', "172.17.0.0/16 fd00:1::/64", |_| {});
    lab.network('b', "172.18.0.0/16", |r| r.internal = true);
    lab.network('c', "10.0.0.0/24", |_| {});
    let one = lab.container(&net, "172.17.0.2");
    lab.publish(
        &one,
        &[tcp(8080, 80), tcp(8081, 81), on("127.0.0.1", udp(53, 5353)), on("fd00:113::1", tcp(80, 80))],
    );
    let listed = lab.host.sh("nft list ruleset");
    let meant = lab.fabric.rules_text();
    assert_eq!(words(&listed), words(&meant), "\n{listed}\n{meant}");
}

#[test]
fn many_ports_fit_into_one_transaction() {
    let lab = Lab::new();
    let net = lab.network('a', "", |_| {});
    let one = lab.container(&net, "172.17.0.2");
    let ports: Vec<_> = (10_000..13_000).map(|port| tcp(port, port)).collect();
    lab.publish(&one, &ports);
    let listed = lab.host.sh("nft list map ip berth ports");
    assert_eq!(listed.matches("172.17.0.2").count(), 3000);
    let (fabric, id) = (lab.fabric.clone(), one.ip().to_string());
    lab.host.run(move || fabric.unpublish(&id).unwrap());
    assert!(!lab.host.sh("nft list map ip berth ports").contains("172.17.0.2"));
}

#[test]
fn nothing_is_left_when_the_last_network_goes() {
    for firewall in [FirewallChoice::Nftables, FirewallChoice::Iptables, FirewallChoice::IptablesLegacy] {
        let lab = Lab::with(firewall);
        let state = "ip -o link | cut -d: -f2; iptables-legacy-save | grep -i berth || true;
                     nft list ruleset | grep -i berth || true; ip route";
        let before = lab.host.sh(state);
        let nets = [lab.network('a', "", |_| {}), lab.network('b', "172.30.0.0/16 fd00:2::/64", |_| {})];
        let one = lab.container(&nets[0], "172.17.0.2");
        lab.publish(&one, &[tcp(8080, 80)]);
        assert_ne!(lab.host.sh(state), before);
        let fabric = lab.fabric.clone();
        lab.host.run(move || fabric.unpublish("172.17.0.2").unwrap());
        let fabric = lab.fabric.clone();
        lab.host.run(move || {
            fabric.remove_networks(&nets.map(|net| net.id)).unwrap();
            fabric.remove_network(&network_id('a')).unwrap();
        });
        assert_eq!(lab.host.sh(state), before, "{firewall:?}");
    }
}

#[test]
fn interfaces_go_with_the_container_alone() {
    let lab = Lab::new();
    let net = lab.network('a', "", |_| {});
    let count = "ip -o link show type veth | grep -c master || true";
    let containers: Vec<_> = (2..12).map(|n| lab.container(&net, &format!("172.17.0.{n}"))).collect();
    assert_eq!(lab.host.sh(count).trim(), "10");
    drop(containers);
    // The kernel does it in its own time: wait for the event, not for a duration.
    lab.host.sh("timeout 10 sh -c 'while ip -o link show type veth | grep -q master; do sleep 0.01; done'");
}

#[test]
fn flushed_rules_are_noticed_and_put_back() {
    let lab = Lab::new();
    let net = lab.network('a', "", |_| {});
    let one = lab.container(&net, "172.17.0.2");
    one.world.serve_tcp("0.0.0.0:80", "one");
    let (sender, noticed) = mpsc::channel();
    let (fabric, repairer) = (lab.fabric.clone(), lab.fabric.clone());
    let watch =
        lab.host.run(move || fabric.watch(move || sender.send(repairer.repair().is_ok()).unwrap()).unwrap());
    lab.publish(&one, &[tcp(8080, 80)]);
    lab.host.sh("nft add table ip other");
    assert!(
        noticed.recv_timeout(Duration::from_millis(100)).is_err(),
        "neither one's own changes nor others' tables"
    );
    let before = lab.host.sh("nft list table ip berth");
    for damage in [
        "nft flush ruleset",
        "nft delete table ip berth",
        "nft flush chain ip berth forward",
        "nft delete element ip berth ports '{ tcp . 8080 }'",
        "nft insert rule ip berth forward drop",
    ] {
        lab.host.sh(damage);
        assert_eq!(noticed.recv_timeout(Duration::from_secs(10)), Ok(true), "{damage}");
        assert_eq!(lab.host.sh("nft list table ip berth"), before, "{damage}");
        assert!(lab.other.tcp(&format!("{HOST}:8080")).is_some(), "{damage}");
    }
    drop(watch);
}

#[test]
fn a_change_after_an_unnoticed_flush_puts_everything_back() {
    let lab = Lab::new();
    let net = lab.network('a', "", |_| {});
    let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net, "172.17.0.3"));
    lab.publish(&one, &[tcp(8080, 80)]);
    lab.host.sh("nft flush ruleset");
    lab.publish(&two, &[tcp(8081, 80)]);
    let listed = lab.host.sh("nft list ruleset");
    assert_eq!(words(&listed), words(&lab.fabric.rules_text()));
}

#[test]
fn iptables_rules_that_are_gone_are_put_back_in_front_of_others() {
    for firewall in [FirewallChoice::Iptables, FirewallChoice::IptablesLegacy] {
        let tool = if firewall == FirewallChoice::Iptables { "iptables" } else { "iptables-legacy" };
        let lab = Lab::with(firewall);
        lab.host.sh(&format!(
            "{tool} -P FORWARD DROP; {tool} -A FORWARD -j REJECT; {tool} -A INPUT -i nosuch -j DROP"
        ));
        let net = lab.network('a', "", |_| {});
        let one = lab.container(&net, "172.17.0.2");
        one.world.serve_tcp("0.0.0.0:80", "one");
        lab.publish(&one, &[tcp(8080, 80)]);
        assert!(lab.other.tcp(&format!("{HOST}:8080")).is_some(), "beside a firewall that forwards nothing");
        lab.host.sh(&format!("{tool} -t nat -F; {tool} -D FORWARD -j BERTH-FORWARD"));
        assert!(lab.other.no_tcp(&format!("{HOST}:8080")));
        let fabric = lab.fabric.clone();
        lab.host.run(move || fabric.repair().unwrap());
        assert!(lab.other.tcp(&format!("{HOST}:8080")).is_some());
        let rules = lab.host.sh(&format!("{tool}-save -t filter"));
        assert!(rules.contains("-A FORWARD -j BERTH-FORWARD\n-A FORWARD -j REJECT"), "{rules}");
        assert!(rules.contains("-A INPUT -i nosuch -j DROP"), "others' rules are left alone");
        let fabric = lab.fabric.clone();
        lab.host.run(move || fabric.remove_network(&network_id('a')).unwrap());
        let rules = lab.host.sh(&format!("{tool}-save"));
        assert!(!rules.contains("BERTH") && rules.contains("nosuch"), "{rules}");
    }
}

#[test]
fn two_engines_do_not_disturb_each_other() {
    let lab = Lab::new();
    let second_dir = tempfile::tempdir().unwrap();
    let instance = Instance::for_root(Path::new("/srv/second"));
    let second = open(&lab.host, second_dir.path().to_owned(), instance, FirewallChoice::Nftables);
    let net = lab.network('a', "", |_| {});
    let net2 = network_of(&lab.host, &second, 'b', "", |_| {});
    assert_eq!(net2.subnets[0].net.to_string(), "172.18.0.0/16", "the other's bridge is a host route");
    let one = lab.container(&net, "172.17.0.2");
    let two = container_of(&lab.host, &second, &net2, "172.18.0.2");
    one.world.serve_tcp("0.0.0.0:80", "one");
    two.world.serve_tcp("0.0.0.0:80", "two");
    lab.publish(&one, &[tcp(8080, 80)]);
    publish_on(&lab.host, &second, &two, &[tcp(8081, 80)]);
    for world in [&lab.other, &lab.host, &one.world, &two.world] {
        assert!(world.tcp(&format!("{HOST}:8080")).unwrap().starts_with("one"));
        assert!(world.tcp(&format!("{HOST}:8081")).unwrap().starts_with("two"));
    }
    assert!(one.world.no_tcp("172.18.0.2:80") && two.world.no_tcp("172.17.0.2:80"));
    let (fabric, other) = (lab.fabric.clone(), second.clone());
    lab.host.run(move || {
        fabric.reconcile(&DesiredState::default()).unwrap();
        other.repair().unwrap();
    });
    assert!(lab.other.tcp(&format!("{HOST}:8081")).is_some());
    assert!(!lab.host.sh("ip -o link; nft list ruleset").contains("br-aaaaaaaaaaaa"));
}

#[test]
fn the_next_engine_makes_the_records_true() {
    let lab = Lab::new();
    let (net, stray) = (lab.network('a', "", |_| {}), lab.network('b', "", |_| {}));
    let one = lab.container(&net, "172.17.0.2");
    one.world.serve_tcp("0.0.0.0:80", "one");
    lab.publish(&one, &[tcp(8080, 80), tcp(8081, 80)]);
    let next = open(&lab.host, lab.run_dir.path().to_owned(), Instance::primary(), FirewallChoice::Nftables);
    let publication = Publication {
        container: "one".into(),
        ipv4: Some(one.ip()),
        ipv6: None,
        ports: vec![tcp(8080, 80), tcp(8082, 80)],
    };
    let desired = DesiredState { networks: vec![net.clone()], publications: vec![publication] };
    let (fabric, again) = (next.clone(), desired.clone());
    let done = lab.host.run(move || fabric.reconcile(&again).unwrap());
    assert_eq!((done.created.len(), done.removed), (0, vec![stray.bridge]));
    assert!(lab.other.tcp(&format!("{HOST}:8082")).is_some() && lab.other.no_tcp(&format!("{HOST}:8081")));
    lab.host.sh("ip link del br-aaaaaaaaaaaa");
    let done = lab.host.run(move || next.reconcile(&desired).unwrap());
    assert_eq!((done.created, done.removed.len()), (vec![net.bridge], 0));
    assert!(lab.other.tcp(&format!("{HOST}:8080")).is_some(), "a port without its bridge is taken back");
}

#[test]
fn a_foreign_interface_is_left_alone() {
    let lab = Lab::new();
    lab.host.sh("ip link add br-aaaaaaaaaaaa type bridge");
    let request = network::plan::NetworkRequest { name: "web".into(), ..Default::default() };
    let spec = network::plan::plan_network(network_id('a'), &request, &Default::default()).unwrap();
    let fabric = lab.fabric.clone();
    let error = lab.host.run(move || fabric.create_network(&spec).unwrap_err().to_string());
    assert_eq!(error, "network web: interface br-aaaaaaaaaaaa exists and does not belong to it");
    assert_eq!(lab.host.sh("nft list ruleset"), "");
}

#[test]
fn what_the_host_did_not_forward_before_it_does_not_forward_now() {
    let lab = Lab::new();
    let third = World::new();
    lab.join(&third, "up1", "198.51.100.1", "198.51.100.2");
    lab.other.sh(&format!("ip route add 198.51.100.0/24 via {HOST}"));
    third.sh("ip route add default via 198.51.100.1");
    third.serve_tcp("0.0.0.0:80", "third");
    // A new namespace takes the setting over from the machine, which may be a router.
    lab.host.sh("echo 0 > /proc/sys/net/ipv4/ip_forward");
    let net = lab.network('a', "", |_| {});
    assert!(lab.host.sh("cat /proc/sys/net/ipv4/ip_forward").starts_with('1'));
    assert!(lab.other.no_tcp("198.51.100.2:80"), "the host has become no router");
    let next = open(&lab.host, lab.run_dir.path().to_owned(), Instance::primary(), FirewallChoice::Nftables);
    lab.host
        .run(move || next.reconcile(&DesiredState { networks: vec![net], publications: vec![] }).unwrap());
    assert!(lab.other.no_tcp("198.51.100.2:80"), "the next engine knows it too");
    lab.host.sh("nft flush ruleset");
    assert!(lab.other.tcp("198.51.100.2:80").is_some(), "otherwise it would have");
}

#[test]
fn a_host_that_forwards_already_goes_on_as_it_did() {
    let lab = Lab::new();
    let third = World::new();
    lab.join(&third, "up1", "198.51.100.1", "198.51.100.2");
    lab.other.sh(&format!("ip route add 198.51.100.0/24 via {HOST}"));
    third.sh("ip route add default via 198.51.100.1");
    third.serve_tcp("0.0.0.0:80", "third");
    lab.host.sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
    lab.network('a', "", |_| {});
    assert!(lab.other.tcp("198.51.100.2:80").is_some());
}

#[test]
fn many_threads_and_a_firewall_that_is_flushed_meanwhile_end_in_what_was_meant() {
    let lab = Lab::new();
    let nets = [lab.network('a', "", |_| {}), lab.network('b', "", |_| {})];
    let fabric = lab.fabric.clone();
    let kept = lab.host.run(move || {
        std::thread::scope(|scope| {
            let work = |thread: u8| {
                let (fabric, net) = (&fabric, &nets[usize::from(thread % 2)]);
                let prefix = if thread.is_multiple_of(2) { "172.17" } else { "172.18" };
                (0..10u8)
                    .map(move |round| {
                        let netns = fabric.create_netns(NetnsOptions { dns: true, ipv6: false }).unwrap();
                        let end = endpoint(net, &format!("{prefix}.{}.{}", thread + 1, round + 1), 0, true);
                        fabric.attach(&netns, &end).unwrap();
                        let port = 8000 + u16::from(thread) * 100 + u16::from(round);
                        let container = end.ipv4.unwrap().to_string();
                        let ports = vec![tcp(port, 80), udp(port, 80)];
                        fabric
                            .publish(&Publication {
                                container: container.clone(),
                                ipv4: end.ipv4,
                                ipv6: None,
                                ports,
                            })
                            .unwrap();
                        if round % 2 == 0 {
                            fabric.unpublish(&container).unwrap();
                        }
                        netns
                    })
                    .collect::<Vec<_>>()
                    .pop()
            };
            let threads: Vec<_> = (0..6).map(|thread| scope.spawn(move || work(thread))).collect();
            for _ in 0..10 {
                assert!(
                    std::process::Command::new("nft").args(["flush", "ruleset"]).status().unwrap().success()
                );
                fabric.repair().unwrap();
            }
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        })
    });
    assert_eq!(words(&lab.host.sh("nft list ruleset")), words(&lab.fabric.rules_text()));
    assert_eq!(lab.fabric.rules_text().matches(" : 172.1").count(), 60);
    drop(kept);
}

#[test]
fn an_ipv6_network_works_where_the_host_has_ipv6_off_by_default() {
    let lab = Lab::new();
    lab.host.sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
    let net = lab.network('a', "172.17.0.0/16 fd00:1::/64", |_| {});
    let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net, "172.17.0.3"));
    one.world.serve_tcp("[::]:80", "one");
    assert_eq!(two.world.tcp("[fd00:1::2]:80").unwrap(), "one fd00:1::3");
    assert_eq!(lab.host.tcp("[fd00:1::2]:80").unwrap(), "one fd00:1::1");
}
