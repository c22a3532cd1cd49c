//! Packets on the real kernel: who reaches whom, and who must not.

mod lab;

use lab::{HOST, Lab, OTHER, endpoint, on, tcp, udp};
use network::FirewallChoice;

const FIREWALLS: [FirewallChoice; 3] =
    [FirewallChoice::Nftables, FirewallChoice::Iptables, FirewallChoice::IptablesLegacy];

#[allow(clippy::print_stderr, reason = "which case failed")]
fn each_firewall(test: impl Fn(Lab)) {
    for firewall in FIREWALLS {
        for netfilter_on_bridges in ["0", "1"] {
            eprintln!("{firewall:?}, bridge-nf-call-iptables {netfilter_on_bridges}");
            let lab = Lab::with(firewall);
            lab.host
                .sh(&format!("echo {netfilter_on_bridges} > /proc/sys/net/bridge/bridge-nf-call-iptables"));
            test(lab);
        }
    }
}

#[test]
fn containers_of_a_network_reach_each_other_and_the_outside() {
    each_firewall(|lab| {
        let net = lab.network('a', "", |_| {});
        let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net, "172.17.0.3"));
        two.world.serve_tcp("0.0.0.0:80", "two");
        assert_eq!(one.world.tcp("172.17.0.3:80").unwrap(), "two 172.17.0.2");
        lab.other.serve_tcp("0.0.0.0:80", "other");
        let seen = format!("other {HOST}");
        assert_eq!(one.world.tcp(&format!("{OTHER}:80")).unwrap(), seen, "the host's address is taken");
        lab.host.serve_tcp("0.0.0.0:81", "host");
        assert_eq!(one.world.tcp("172.17.0.1:81").unwrap(), "host 172.17.0.2");
        assert_eq!(lab.host.tcp("172.17.0.3:80").unwrap(), "two 172.17.0.1");
    });
}

#[test]
fn a_published_port_is_reached_from_everywhere() {
    each_firewall(|lab| {
        let (net, net2) = (lab.network('a', "", |_| {}), lab.network('b', "", |_| {}));
        let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net, "172.17.0.3"));
        let far = lab.container(&net2, "172.18.0.2");
        one.world.serve_tcp("0.0.0.0:80", "one");
        one.world.serve_udp("0.0.0.0:53", "one");
        lab.publish(&one, &[tcp(8080, 80), udp(5300, 53)]);
        let (web, dns) = (format!("{HOST}:8080"), format!("{HOST}:5300"));
        assert_eq!(lab.other.tcp(&web).unwrap(), format!("one {OTHER}"), "from another host");
        assert_eq!(lab.other.udp(&dns).unwrap(), format!("one {OTHER}"));
        for (who, world) in
            [("host", &lab.host), ("itself", &one.world), ("neighbour", &two.world), ("far", &far.world)]
        {
            assert!(world.tcp(&web).is_some_and(|answer| answer.starts_with("one ")), "tcp from {who}");
            assert!(world.udp(&dns).is_some_and(|answer| answer.starts_with("one ")), "udp from {who}");
        }
        assert!(lab.host.tcp("127.0.0.1:8080").unwrap().starts_with("one 172.17.0.1"), "by 127.0.0.1");
        assert!(lab.host.udp("127.0.0.1:5300").unwrap().starts_with("one "));
        assert!(one.world.tcp("172.17.0.1:8080").unwrap().starts_with("one "), "by the gateway");
    });
}

#[test]
fn a_port_published_on_one_address_is_reached_there_alone() {
    each_firewall(|lab| {
        let net = lab.network('a', "", |_| {});
        let one = lab.container(&net, "172.17.0.2");
        one.world.serve_tcp("0.0.0.0:80", "one");
        lab.publish(&one, &[on("127.0.0.1", tcp(8080, 80)), on(&HOST.to_string(), tcp(8081, 80))]);
        assert!(lab.host.tcp("127.0.0.1:8080").is_some());
        assert!(lab.host.no_tcp(&format!("{HOST}:8080")) && lab.other.no_tcp(&format!("{HOST}:8080")));
        assert!(lab.other.tcp(&format!("{HOST}:8081")).is_some());
        assert!(lab.host.no_tcp("127.0.0.1:8081"));
    });
}

#[test]
fn a_port_taken_back_is_closed_and_passes_to_the_next() {
    each_firewall(|lab| {
        let net = lab.network('a', "", |_| {});
        let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net, "172.17.0.3"));
        one.world.serve_tcp("0.0.0.0:80", "one");
        two.world.serve_tcp("0.0.0.0:80", "two");
        one.world.serve_udp("0.0.0.0:53", "one");
        two.world.serve_udp("0.0.0.0:53", "two");
        let (web, dns) = (format!("{HOST}:8080"), format!("{HOST}:5300"));
        assert!(lab.other.no_udp(&dns), "a flow begins before anybody is there");
        lab.publish(&one, &[tcp(8080, 80), udp(5300, 53)]);
        assert!(lab.other.tcp(&web).unwrap().starts_with("one"));
        assert!(lab.other.udp(&dns).unwrap().starts_with("one"));
        let (fabric, id) = (lab.fabric.clone(), one.ip().to_string());
        lab.host.run(move || fabric.unpublish(&id).unwrap());
        assert!(lab.other.no_tcp(&web) && lab.other.no_udp(&dns));
        lab.publish(&two, &[tcp(8080, 80), udp(5300, 53)]);
        assert!(lab.other.tcp(&web).unwrap().starts_with("two"));
        assert!(lab.other.udp(&dns).unwrap().starts_with("two"));
    });
}

#[test]
fn networks_are_apart_and_nobody_outside_reaches_a_container() {
    each_firewall(|lab| {
        let (net, net2) = (lab.network('a', "", |_| {}), lab.network('b', "", |_| {}));
        let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net2, "172.18.0.2"));
        one.world.serve_tcp("0.0.0.0:80", "one");
        lab.publish(&one, &[tcp(8080, 80)]);
        assert!(two.world.no_tcp("172.17.0.2:80"), "another network");
        lab.other.sh(&format!("ip route add 172.16.0.0/12 via {HOST}"));
        assert!(lab.other.no_tcp("172.17.0.2:80"), "another host that knows the way");
        assert!(lab.other.tcp(&format!("{HOST}:8080")).is_some());
        lab.host.serve_tcp("127.0.0.1:81", "host");
        one.world.sh("echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; ip route del local 127.0.0.0/8 table local;
                      ip route add 127.0.0.0/8 via 172.17.0.1 || true");
        assert!(one.world.no_tcp("127.0.0.1:81"), "the host's own loopback");
    });
}

#[test]
fn an_internal_network_has_no_way_out_nor_in() {
    each_firewall(|lab| {
        let (inner, open) = (lab.network('a', "", |r| r.internal = true), lab.network('b', "", |_| {}));
        let (one, two) = (lab.container(&inner, "172.17.0.2"), lab.container(&inner, "172.17.0.3"));
        let out = lab.container(&open, "172.18.0.2");
        for container in [&one, &two, &out] {
            container.world.serve_tcp("0.0.0.0:80", "container");
        }
        lab.publish(&one, &[tcp(8080, 80)]);
        lab.publish(&out, &[tcp(8081, 80)]);
        lab.other.serve_tcp("0.0.0.0:80", "other");
        assert!(two.world.tcp("172.17.0.2:80").is_some(), "within");
        assert!(lab.host.tcp("172.17.0.2:80").is_some(), "the host by its address");
        assert!(one.world.no_tcp(&format!("{OTHER}:80")), "no route");
        one.world.sh("ip route add default via 172.17.0.1");
        assert!(one.world.no_tcp(&format!("{OTHER}:80")), "no way out with a route");
        assert!(one.world.no_tcp(&format!("{HOST}:8081")), "nor by a published port");
        assert!(lab.other.no_tcp(&format!("{HOST}:8080")), "no way in");
        assert!(out.world.no_tcp("172.17.0.2:80"));
    });
}

#[test]
fn containers_without_icc_reach_the_outside_and_not_each_other() {
    each_firewall(|lab| {
        let option = "com.docker.network.bridge.enable_icc".to_owned();
        let net = lab.network('a', "", |r| drop(r.options.insert(option, "false".into())));
        let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net, "172.17.0.3"));
        two.world.serve_tcp("0.0.0.0:80", "two");
        lab.publish(&two, &[tcp(8080, 80)]);
        lab.other.serve_tcp("0.0.0.0:80", "other");
        assert!(one.world.no_tcp("172.17.0.3:80"));
        assert!(one.world.tcp(&format!("{OTHER}:80")).is_some());
        assert!(lab.other.tcp(&format!("{HOST}:8080")).is_some());
        one.world.sh("ip neigh replace 172.17.0.3 lladdr $(ip neigh show 172.17.0.1 | grep -o '..:..:..:..:..:..') dev eth0");
        assert!(one.world.no_tcp("172.17.0.3:80"), "nor by the host as a router");
    });
}

#[test]
fn a_running_container_joins_and_leaves_a_network() {
    let lab = Lab::new();
    let (net, net2) = (lab.network('a', "", |_| {}), lab.network('b', "", |_| {}));
    let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net2, "172.18.0.2"));
    two.world.serve_tcp("0.0.0.0:80", "two");
    one.world.serve_tcp("0.0.0.0:80", "one");
    lab.publish(&two, &[tcp(8080, 80)]);
    assert!(one.world.no_tcp("172.18.0.2:80"));
    let second = endpoint(&net2, "172.18.0.3", 1, false);
    let (fabric, netns) = (lab.fabric.clone(), network::Netns::existing(one.netns.path()).unwrap());
    let again = second.clone();
    let error = lab.host.run({
        let fabric = fabric.clone();
        move || {
            fabric.attach(&netns, &again).unwrap();
            fabric.attach(&netns, &again).unwrap_err().to_string()
        }
    });
    assert_eq!(error, "the container already has an interface eth1");
    assert_eq!(one.world.tcp("172.18.0.2:80").unwrap(), "two 172.18.0.3");
    assert!(one.world.tcp(&format!("{HOST}:8080")).is_some(), "on both networks, by a published port");
    let netns = network::Netns::existing(one.netns.path()).unwrap();
    lab.host.run(move || {
        fabric.detach(&netns, &second).unwrap();
        fabric.detach(&netns, &second).unwrap();
    });
    assert!(one.world.no_tcp("172.18.0.2:80"));
    assert!(lab.host.tcp("172.17.0.2:80").is_some());
}

#[test]
fn a_container_that_comes_back_under_its_address_is_reached_at_once() {
    let lab = Lab::new();
    let net = lab.network('a', "10.0.0.0/24", |_| {});
    let client = lab.container(&net, "10.0.0.9");
    for round in 0..5 {
        let one = lab.container(&net, "10.0.0.2");
        one.world.serve_tcp("0.0.0.0:80", &round.to_string());
        assert!(client.world.tcp("10.0.0.2:80").unwrap().starts_with(&round.to_string()));
    }
}

#[test]
fn interfaces_have_the_uplinks_mtu_and_dockers_mac() {
    let lab = Lab::new();
    let net = lab.network('a', "", |_| {});
    let one = lab.container(&net, "172.17.0.2");
    let link = one.world.sh("ip -o link show eth0");
    assert!(link.contains("mtu 1400") && link.contains("02:42:ac:11:00:02"), "{link}");
    assert!(lab.host.sh("ip -o link show br-aaaaaaaaaaaa").contains("mtu 1400"));
    assert_eq!(one.world.sh("ip -o -6 addr show dev eth0"), "", "no IPv6 on a network without it");
}

#[test]
fn what_is_no_network_namespace_is_refused_by_name() {
    let error = |path: &str| network::Netns::existing(std::path::Path::new(path)).unwrap_err().to_string();
    assert_eq!(error("/proc/self/ns/mnt"), "network namespace /proc/self/ns/mnt: cannot enter it");
    assert_eq!(error("/nowhere/ns"), "network namespace /nowhere/ns: cannot open it");
}

#[test]
fn a_failed_connection_leaves_nothing() {
    let lab = Lab::new();
    let net = lab.network('a', "", |_| {});
    let mut unknown = endpoint(&net, "172.17.0.2", 0, true);
    unknown.network = lab::network_id('f');
    let unconfigurable = endpoint(&net, "172.17.0.2", 0, true);
    let fabric = lab.fabric.clone();
    let errors = lab.host.run(move || {
        let netns = fabric.create_netns(network::NetnsOptions { dns: false, ipv6: false }).unwrap();
        let gateway_off_link = network::Endpoint { ipv4: Some("0.0.0.0".parse().unwrap()), ..unconfigurable };
        [unknown, gateway_off_link].map(|end| fabric.attach(&netns, &end).unwrap_err().to_string())
    });
    assert_eq!(errors[0], format!("network {} is not known", lab::network_id('f')));
    assert_eq!(errors[1], "network net-a: cannot set addresses");
    assert!(!lab.host.sh("ip -o link show type veth").contains("master"));
}
