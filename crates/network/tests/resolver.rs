//! The embedded DNS server as containers use it, asked by `dig`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};

use lab::{Container, HOST, Lab, World, endpoint};
use network::dns::{Dns, DnsServer, DnsView, NameRecord, Names};
use network::{Netns, NetnsOptions, NetworkSpec};
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, PacketFlag, ResourceRecord};

/// A lab with an engine's runtime in the host's namespace.
struct Resolver {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
    names: Names,
    dns: Dns,
}

impl Resolver {
    fn new() -> Self {
        let lab = Lab::new();
        let runtime = lab.host.run(|| {
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
        });
        let names = Names::default();
        Self { lab, runtime, dns: Dns::new(names.clone()), names }
    }

    fn serve(&self, container: &Container, view: DnsView) -> DnsServer {
        let _inside = self.runtime.enter();
        self.dns.serve(&container.netns, view).unwrap()
    }

    fn view(&self, networks: &[&NetworkSpec]) -> DnsView {
        let networks = networks.iter().map(|net| net.id.clone()).collect();
        DnsView { networks, upstreams: vec![HOST.into()], ..DnsView::default() }
    }

    fn name(&self, net: &NetworkSpec, container: &str, aliases: &[&str], addresses: &[&str]) {
        self.names.insert(NameRecord {
            network: net.id.clone(),
            network_name: net.name.clone(),
            container: container.into(),
            name: container.into(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        });
    }
}

fn dig(world: &World, arguments: &str) -> String {
    world.sh(&format!("dig +time=3 +tries=1 @127.0.0.11 {arguments} || true"))
}

fn short(world: &World, arguments: &str) -> BTreeSet<String> {
    dig(world, &format!("+short {arguments}")).lines().map(str::to_owned).collect()
}

/// A resolver of the host: `big.example` does not fit into a datagram, `dead.example` is never answered,
/// `bad.example` fails, every other name is 192.0.2.7.
fn upstream(world: &World, address: IpAddr) {
    let (udp, tcp) = world
        .run(move || (UdpSocket::bind((address, 53)).unwrap(), TcpListener::bind((address, 53)).unwrap()));
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = udp.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..length], false) {
                let _ = udp.send_to(&answer, client);
            }
        }
    });
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            let mut length = [0; 2];
            let _ = stream.read_exact(&mut length);
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            let _ = stream.read_exact(&mut query);
            if let Some(answer) = answer(&query, true) {
                let _ = stream.write_all(&(answer.len() as u16).to_be_bytes());
                let _ = stream.write_all(&answer);
            }
        }
    });
}

fn answer(query: &[u8], stream: bool) -> Option<Vec<u8>> {
    let mut packet = Packet::parse(query).ok()?.into_reply();
    let name = packet.questions[0].qname.clone();
    let count = match name.to_string().as_str() {
        "dead.example" => return None,
        "big.example" => 300,
        _ => 1,
    };
    if name.to_string() == "bad.example" {
        *packet.rcode_mut() = simple_dns::RCODE::ServerFailure;
    } else if count > 1 && !stream {
        packet.set_flags(PacketFlag::TRUNCATION);
    } else {
        for n in 0..count {
            let address = A { address: u32::from_be_bytes([192, 0, 2, 7]) + (n << 8) };
            packet.answers.push(ResourceRecord::new(name.clone(), CLASS::IN, 60, RData::A(address)));
        }
    }
    packet.build_bytes_vec_compressed().ok()
}

#[test]
fn a_container_finds_its_neighbours_by_name() {
    let r = Resolver::new();
    let net = r.lab.network('a', "", |_| {});
    let one = r.lab.container(&net, "172.17.0.2");
    let _server = r.serve(&one, r.view(&[&net]));
    r.name(&net, "shop-web-1", &["web"], &["172.17.0.3"]);
    r.name(&net, "shop-web-2", &["web"], &["172.17.0.4"]);
    let both = BTreeSet::from(["172.17.0.3".to_owned(), "172.17.0.4".to_owned()]);
    assert_eq!(short(&one.world, "web"), both);
    assert_eq!(short(&one.world, "+tcp WEB"), both);
    assert_eq!(short(&one.world, "shop-web-2"), BTreeSet::from(["172.17.0.4".to_owned()]));
    assert_eq!(short(&one.world, "-x 172.17.0.3"), BTreeSet::from(["shop-web-1.net-a.".to_owned()]));
    let ipv6 = dig(&one.world, "web AAAA");
    assert!(ipv6.contains("status: NOERROR") && ipv6.contains("ANSWER: 0"), "{ipv6}");
    let first = |_| dig(&one.world, "+short web").lines().next().unwrap().to_owned();
    assert_eq!((0..40).map(first).collect::<BTreeSet<_>>(), both, "in random order");
    r.names.remove("shop-web-1", None);
    assert_eq!(short(&one.world, "web"), BTreeSet::from(["172.17.0.4".to_owned()]));
}

#[test]
fn names_belong_to_networks() {
    let r = Resolver::new();
    upstream(&r.lab.host, HOST.into());
    let (net, net2) = (r.lab.network('a', "", |_| {}), r.lab.network('b', "", |_| {}));
    let one = r.lab.container(&net, "172.17.0.2");
    let server = r.serve(&one, r.view(&[&net]));
    r.name(&net2, "db", &[], &["172.18.0.9"]);
    assert_eq!(short(&one.world, "db"), BTreeSet::from(["192.0.2.7".to_owned()]), "asked elsewhere");
    server.set_view(r.view(&[&net, &net2]));
    assert_eq!(short(&one.world, "db"), BTreeSet::from(["172.18.0.9".to_owned()]));
}

#[test]
fn unknown_names_are_asked_at_the_hosts_resolvers() {
    let r = Resolver::new();
    upstream(&r.lab.host, HOST.into());
    let net = r.lab.network('a', "", |_| {});
    let one = r.lab.container(&net, "172.17.0.2");
    let dead: IpAddr = "203.0.113.9".parse().unwrap();
    let mut view = r.view(&[&net]);
    view.upstreams.insert(0, dead);
    let server = r.serve(&one, view);
    assert_eq!(
        short(&one.world, "example.org"),
        BTreeSet::from(["192.0.2.7".to_owned()]),
        "the next one is asked"
    );
    server.set_view(r.view(&[&net]));
    assert_eq!(short(&one.world, "+tcp example.org"), BTreeSet::from(["192.0.2.7".to_owned()]));
    let cut = dig(&one.world, "+ignore big.example");
    assert!(cut.contains(" tc;") && cut.contains("ANSWER: 0"), "{cut}");
    assert_eq!(short(&one.world, "big.example").len(), 300, "dig asks again by a stream");
    assert!(dig(&one.world, "bad.example").contains("status: SERVFAIL"));
    assert!(dig(&one.world, "+time=4 dead.example").contains("status: SERVFAIL"));
}

#[test]
fn a_container_on_internal_networks_asks_nobody_outside() {
    let r = Resolver::new();
    upstream(&r.lab.host, HOST.into());
    let net = r.lab.network('a', "", |request| request.internal = true);
    let one = r.lab.container(&net, "172.17.0.2");
    let _server = r.serve(&one, DnsView { internal: true, ..r.view(&[&net]) });
    r.name(&net, "web", &[], &["172.17.0.3"]);
    assert_eq!(short(&one.world, "web"), BTreeSet::from(["172.17.0.3".to_owned()]));
    assert!(dig(&one.world, "secret.example").contains("status: SERVFAIL"));
}

#[test]
fn a_container_may_serve_dns_itself() {
    let r = Resolver::new();
    let net = r.lab.network('a', "", |_| {});
    let one = r.lab.container(&net, "172.17.0.2");
    let two = r.lab.container(&net, "172.17.0.3");
    let _server = r.serve(&one, r.view(&[&net]));
    r.name(&net, "web", &[], &["172.17.0.3"]);
    upstream(&one.world, "0.0.0.0".parse().unwrap());
    assert_eq!(short(&one.world, "web"), BTreeSet::from(["172.17.0.3".to_owned()]));
    assert_eq!(two.world.sh("dig +short @172.17.0.2 any.example").trim(), "192.0.2.7");
}

#[test]
fn nobody_else_can_ask() {
    let r = Resolver::new();
    let net = r.lab.network('a', "", |_| {});
    let (one, two) = (r.lab.container(&net, "172.17.0.2"), r.lab.container(&net, "172.17.0.3"));
    let _server = r.serve(&one, r.view(&[&net]));
    two.world.sh(
        "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip route add 127.0.0.11 via 172.17.0.2 || true",
    );
    for port in [53, 61053] {
        assert!(
            two.world.no_tcp(&format!("172.17.0.2:{port}"))
                && two.world.no_udp(&format!("172.17.0.2:{port}"))
        );
        assert!(
            two.world.no_tcp(&format!("127.0.0.11:{port}"))
                && r.lab.host.no_tcp(&format!("127.0.0.11:{port}"))
        );
    }
}

#[test]
fn the_next_engine_serves_a_running_container_again() {
    let r = Resolver::new();
    let net = r.lab.network('a', "", |_| {});
    let fabric = r.lab.fabric.clone();
    let ends = endpoint(&net, "172.17.0.2", 0, true);
    let netns = r.lab.host.run(move || {
        let netns = fabric.create_netns(NetnsOptions { dns: true, ipv6: false }).unwrap();
        fabric.attach(&netns, &ends).unwrap();
        netns
    });
    r.name(&net, "web", &[], &["172.17.0.3"]);
    let world = World::of(&netns);
    let found = BTreeSet::from(["172.17.0.3".to_owned()]);
    let server = {
        let _inside = r.runtime.enter();
        r.dns.serve(&netns, r.view(&[&net])).unwrap()
    };
    assert_eq!(short(&world, "web"), found);
    drop(server);
    assert!(dig(&world, "+time=1 web").contains("no servers could be reached"));
    let adopted = Netns::existing(netns.path()).unwrap();
    drop(netns);
    let _server = {
        let _inside = r.runtime.enter();
        r.dns.serve(&adopted, r.view(&[&net])).unwrap()
    };
    assert_eq!(short(&world, "web"), found);
}

#[test]
fn a_server_that_is_dropped_lets_the_namespace_go() {
    let r = Resolver::new();
    let net = r.lab.network('a', "", |_| {});
    let fabric = r.lab.fabric.clone();
    let ends = endpoint(&net, "172.17.0.2", 0, true);
    let netns = r.lab.host.run(move || {
        let netns = fabric.create_netns(NetnsOptions { dns: true, ipv6: false }).unwrap();
        fabric.attach(&netns, &ends).unwrap();
        netns
    });
    let dead: IpAddr = "203.0.113.9".parse().unwrap();
    let world = World::of(&netns);
    let server = {
        let _inside = r.runtime.enter();
        r.dns.serve(&netns, DnsView { upstreams: vec![dead], ..r.view(&[&net]) }).unwrap()
    };
    world.sh("dig +time=1 +tries=1 @127.0.0.11 slow.example || true");
    drop((server, netns, world));
    r.lab.host.sh("timeout 10 sh -c 'while ip -o link show type veth | grep -q master; do sleep 0.01; done'");
}
