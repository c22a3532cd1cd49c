//! Networks that change under a running container.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, images};

const SERVER: &str = "mkdir -p /w && echo served > /w/index.html && exec httpd -f -p 80 -h /w";

fn fetch(host: &Host) -> String {
    let mut curl = host.command("curl");
    curl.args(["-sS", "--max-time", "5", "http://127.0.0.1:8080/"]);
    e2e::Outcome::of(&mut curl).ok().trim_end().to_owned()
}

#[test]
fn the_default_route_and_the_ports_follow_a_container_from_network_to_network() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok("network create --subnet 10.91.0.0/24 a");
    host.ok("network create --subnet 10.92.0.0/24 b");
    host.berth(["run", "-d", "--name", "web", "--network", "a", "-p", "8080:80", image, "sh", "-c", SERVER])
        .ok();
    e2e::eventually("the server answers", || {
        host.berth(["exec", "web", "wget", "-q", "-O", "-", "http://127.0.0.1/"]).code == Some(0)
    });
    assert_eq!(fetch(&host), "served");
    let route = || host.ok("exec web ip route show default");
    assert!(route().contains("via 10.91.0.1"), "{}", route());
    host.ok("network connect b web");
    assert!(route().contains("via 10.91.0.1"), "{}", route());
    host.ok("network disconnect a web");
    assert!(route().contains("via 10.92.0.1"), "{}", route());
    assert_eq!(fetch(&host), "served");
    host.ok("network connect a web");
    assert!(route().contains("via 10.92.0.1"), "{}", route());
    host.ok("network disconnect b web");
    assert_eq!(fetch(&host), "served");
    // Also the next engine knows where the ports lead.
    host.kill_engine();
    host.ok("ps");
    assert_eq!(fetch(&host), "served");
    host.ok("rm -f web");
    host.ok("network rm a b");
}

#[test]
fn a_network_can_bind_ports_to_one_address_of_the_host() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok("network create -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 own");
    host.ok(&format!("run -d --name web --network own -p 8080:80 {image} sleep 1000"));
    assert_eq!(host.ok("port web"), "80/tcp -> 127.0.0.1:8080");
    host.ok("rm -f web");
    host.ok("network rm own");
}

#[test]
fn a_container_of_the_default_network_knows_the_names_of_a_network_that_it_joins() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok("network create back");
    host.ok(&format!("run -d --name db --network back {image} sleep 1000"));
    host.ok(&format!("run -d --name web {image} sleep 1000"));
    let address = host.inspect("db", "{{.NetworkSettings.Networks.back.IPAddress}}");
    let looked_up = || host.berth(["exec", "web", "nslookup", "-type=a", "db"]).stdout;
    host.ok("network connect back web");
    assert!(looked_up().contains(&address), "{}", looked_up());
    // Also the next engine serves it.
    host.kill_engine();
    host.ok("ps");
    assert!(looked_up().contains(&address), "{}", looked_up());
    host.ok("rm -f web db");
    host.ok("network rm back");
}

#[test]
fn links_of_the_default_network_are_names() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run -d --name db {image} sleep 1000"));
    let address = host.inspect("db", "{{.NetworkSettings.Networks.bridge.IPAddress}}");
    let hosts = host.ok(&format!("run --rm --link db:store {image} cat /etc/hosts"));
    assert!(hosts.contains(&format!("{address}\tstore")), "{hosts}");
    host.ok("rm -f db");
}

#[test]
fn a_prune_keeps_the_default_network() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run --rm {image} true"));
    host.ok("network create own");
    host.ok("network prune -f");
    let left = host.ok("network ls --format {{.Name}}");
    assert!(left.contains("bridge") && !left.contains("own"), "{left}");
}
