//! Published ports, as the host, other hosts and containers reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{
    Host, Outcome, eventually, images,
    lan::{self, Neighbour, fetch},
};
use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Runs a web server in a container, whose page is its name.
fn web(host: &Host, name: &str, options: &str) {
    let serve = format!("mkdir /www; echo {name} > /www/index.html; exec httpd -f -p 80 -h /www");
    let line = format!("run -d --name {name} {options} tiny sh -c");
    host.berth(line.split_whitespace().chain([serve.as_str()])).ok();
    eventually("it listens", || fetch(&namespace_of(host, name), "127.0.0.1:80") == name);
}

fn namespace_of(host: &Host, container: &str) -> PathBuf {
    format!("/proc/{}/ns/net", host.pid_of(container)).into()
}

/// Which network namespace that is, whatever path leads to it.
fn identity(namespace: &Path) -> u64 {
    namespace.metadata().unwrap().ino()
}

fn address_of(host: &Host, container: &str, network: &str) -> String {
    host.inspect(container, &format!("{{{{.NetworkSettings.Networks.{network}.IPAddress}}}}"))
}

#[test]
fn a_port_is_reached_from_the_host_other_hosts_and_containers() {
    let host = Host::new();
    images::tiny(&host);
    let neighbour = Neighbour::of(&host);
    host.ok("network create shop");
    host.ok("network create other");
    web(&host, "web", "--network shop -p 8081:80 -p 9000:9000/udp");
    lan::echo_udp(&namespace_of(&host, "web"), "0.0.0.0:9000");
    host.ok("run -d --name beside --network shop tiny sleep 1000");
    host.ok("run -d --name apart --network other tiny sleep 1000");
    for address in ["127.0.0.1", "198.51.100.2", Neighbour::HOST] {
        assert_eq!(fetch(&host.netns().path(), &format!("{address}:8081")), "web", "the host at {address}");
        let udp = format!("{address}:9000");
        eventually(&udp, || lan::echoes(&host.netns().path(), &udp));
    }
    let address = format!("{}:8081", Neighbour::HOST);
    assert_eq!(fetch(&neighbour.netns().path(), &address), "web", "another host");
    for container in ["web", "beside", "apart"] {
        assert_eq!(fetch(&namespace_of(&host, container), &address), "web", "{container}, through the host");
    }
    let udp = format!("{}:9000", Neighbour::HOST);
    eventually("UDP from another host", || lan::echoes(&neighbour.netns().path(), &udp));
    eventually("UDP from a container", || lan::echoes(&namespace_of(&host, "apart"), &udp));
    host.ok("stop -t 0 web");
    assert_eq!(fetch(&neighbour.netns().path(), &address), "");
    host.ok("start web");
    eventually("it is reached again", || fetch(&neighbour.netns().path(), &address) == "web");
}

#[test]
fn addresses_of_the_host_ranges_and_free_ports() {
    let host = Host::new();
    images::tiny(&host);
    let neighbour = Neighbour::of(&host);
    web(&host, "web", "-p 127.0.0.1:8081:80 -p 8090-8092:80-82 -p 203.0.113.1:8100:80 -p 80");
    let at = |netns: &e2e::Netns, address: &str| fetch(&netns.path(), address);
    assert_eq!(at(host.netns(), "127.0.0.1:8081"), "web");
    assert_eq!(at(host.netns(), "198.51.100.2:8081"), "");
    assert_eq!(at(neighbour.netns(), "203.0.113.1:8081"), "");
    assert_eq!(at(neighbour.netns(), "203.0.113.1:8090"), "web");
    assert_eq!(at(neighbour.netns(), "203.0.113.1:8100"), "web");
    assert_eq!(at(host.netns(), "127.0.0.1:8100"), "");
    assert_eq!(host.ok("port web 82"), "0.0.0.0:8092\n[::]:8092");
    let all = host.ok("port web 80/tcp");
    let chosen =
        all.lines().filter_map(|line| line.strip_prefix("0.0.0.0:")).find(|port| *port != "8090").unwrap();
    assert_eq!(at(host.netns(), &format!("127.0.0.1:{chosen}")), "web");
}

#[test]
fn a_port_that_is_taken_is_named_and_the_first_user_keeps_it() {
    let host = Host::new();
    images::tiny(&host);
    web(&host, "first", "-p 8081:80");
    let error = host.fails(125, "run -d --name second -p 8081:80 tiny sleep 1000");
    assert!(error.contains("port 8081/tcp of the host is already taken by the container first"), "{error}");
    lan::serve_tcp(&host.netns().path(), "0.0.0.0:8099");
    let error = host.fails(125, "run -d --name third -p 8099:80 tiny sleep 1000");
    assert!(error.contains("8099"), "{error}");
    assert_eq!(fetch(&host.netns().path(), "127.0.0.1:8081"), "first");
}

#[test]
fn rules_come_back_after_a_firewall_reload_and_others_stay() {
    let host = Host::new();
    images::tiny(&host);
    web(&host, "web", "-p 8081:80");
    let nft = |words: &str| Outcome::of(host.netns().command("nft").args(words.split(' '))).ok();
    nft("flush ruleset");
    nft("add table ip foreign");
    eventually("the rules are put back", || fetch(&host.netns().path(), "198.51.100.2:8081") == "web");
    host.ok("rm -f web");
    assert!(nft("list tables").contains("foreign"));
    nft("delete table ip foreign");
}

#[test]
fn networks_are_apart_and_an_internal_one_has_no_way_out() {
    let host = Host::new();
    images::tiny(&host);
    let neighbour = Neighbour::of(&host);
    lan::serve_tcp(&neighbour.netns().path(), "0.0.0.0:7000");
    let outside = format!("{}:7000", Neighbour::SELF);
    host.ok("network create --internal inner");
    host.ok("network create outer");
    web(&host, "hidden", "--network inner -p 8081:80");
    web(&host, "shown", "--network outer");
    host.ok("run -d --name beside --network inner tiny sleep 1000");
    let inner = format!("{}:80", address_of(&host, "hidden", "inner"));
    let outer = format!("{}:80", address_of(&host, "shown", "outer"));
    let (beside, shown) = (namespace_of(&host, "beside"), namespace_of(&host, "shown"));
    assert_eq!(fetch(&beside, &inner), "hidden", "neighbours see each other");
    assert_eq!(lan::caller(&shown, &outside), Neighbour::HOST, "the way out hides the container's address");
    assert_eq!(lan::caller(&beside, &outside), "", "an internal network has no way out");
    assert_eq!(fetch(&beside, &outer), "", "from an internal network to another one");
    assert_eq!(fetch(&shown, &inner), "", "from another network to an internal one");
    assert_eq!(fetch(&neighbour.netns().path(), &format!("{}:8081", Neighbour::HOST)), "");
    host.ok("network connect outer beside");
    assert_eq!(fetch(&beside, &outer), "shown", "a member of both reaches both");
    assert_eq!(lan::caller(&beside, &outside), Neighbour::HOST);
    host.ok("network disconnect outer beside");
    assert_eq!(lan::caller(&beside, &outside), "");
}

#[test]
fn networks_of_the_host_of_others_and_none() {
    let host = Host::new();
    images::tiny(&host);
    host.ok("run -d --name own tiny sleep 1000");
    host.ok("run -d --name hosts --network host tiny sleep 1000");
    host.ok("run -d --name lonely --network none tiny sleep 1000");
    host.ok("run -d --name guest --network container:own tiny sleep 1000");
    let of = |name| identity(&namespace_of(&host, name));
    assert_eq!(of("hosts"), identity(&host.netns().path()));
    assert_eq!(of("guest"), of("own"));
    assert_ne!(of("own"), of("lonely"));
    assert_ne!(of("lonely"), of("hosts"));
    let links = host.ok("exec lonely ls /sys/class/net");
    assert_eq!(links, "lo");
    let error = host.fails(125, "run --rm --network container:lonely -p 80:80 tiny true");
    assert!(
        error.contains("conflicting options: publishing ports and the network mode container:"),
        "{error}"
    );
    let compose = "services:
  app: {image: tiny, command: sleep 1000, init: true}
  side: {image: tiny, command: sleep 1000, init: true, network_mode: 'service:app'}
  bare: {image: tiny, command: sleep 1000, init: true, network_mode: none}
";
    let project = host.project("modes", compose);
    host.compose(&project, "up -d").ok();
    assert_eq!(of("modes-side-1"), of("modes-app-1"));
    assert_eq!(host.ok("exec modes-bare-1 ls /sys/class/net"), "lo");
    let changed = compose.replacen("init: true}", "init: true, environment: [NEW=1]}", 1);
    host.project("modes", &changed);
    host.compose(&project, "up -d").ok();
    assert!(host.inspect("modes-app-1", "{{json .Config.Env}}").contains("NEW=1"), "it was replaced");
    assert_eq!(of("modes-side-1"), of("modes-app-1"), "who lives with a service moves with it");
    host.compose(&project, "down").ok();
}
