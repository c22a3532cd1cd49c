//! Reserving host ports, and serving those that rules cannot.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod lab;

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

use lab::{HOST, Lab, World, on, tcp, udp};
use network::{PortRequest, PortReservation, Protocol, ProxyTarget, PublishedPort};

fn request(host_ip: Option<&str>, first: u16, last: u16, protocol: Protocol) -> PortRequest {
    let host_ip = host_ip.map(|ip| ip.parse().unwrap());
    PortRequest { host_ip, host_ports: first..=last, container_port: 80, protocol }
}

fn reserve(world: &World, requests: &[PortRequest]) -> Result<PortReservation, String> {
    let requests = requests.to_vec();
    world.run(move || PortReservation::reserve(&requests).map_err(|error| error.to_string()))
}

fn world() -> World {
    let world = World::new();
    world.sh("ip link set lo up");
    world
}

/// Another process that holds two sockets of the world until it is dropped.
struct Holder(Child);

impl Holder {
    fn of(tcp: TcpListener, udp: UdpSocket) -> Self {
        let (tcp, udp) = (OwnedFd::from(tcp), OwnedFd::from(udp));
        Self(Command::new("sleep").arg("300").stdin(tcp).stdout(udp).spawn().unwrap())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_taken_port_is_named_with_its_holder() {
    let world = world();
    let (tcp, udp) =
        world.run(|| (TcpListener::bind("127.0.0.1:8080").unwrap(), UdpSocket::bind("[::]:5300").unwrap()));
    let holder = Holder::of(tcp, udp);
    let by = format!("by sleep (pid {})", holder.0.id());
    let error = |ip, port, protocol| reserve(&world, &[request(ip, port, port, protocol)]).unwrap_err();
    assert_eq!(error(None, 8080, Protocol::Tcp), format!("port *:8080/tcp is already taken {by}"));
    assert_eq!(
        error(Some("127.0.0.1"), 8080, Protocol::Tcp),
        format!("port 127.0.0.1:8080/tcp is already taken {by}")
    );
    assert_eq!(error(None, 5300, Protocol::Udp), format!("port *:5300/udp is already taken {by}"));
    assert!(reserve(&world, &[request(Some("127.0.0.2"), 8080, 8080, Protocol::Tcp)]).is_ok());
    assert!(reserve(&world, &[request(None, 8080, 8080, Protocol::Udp)]).is_ok());
    drop(holder);
    assert!(reserve(&world, &[request(None, 8080, 8080, Protocol::Tcp)]).is_ok());
}

#[test]
fn a_port_of_another_container_is_called_so() {
    let world = world();
    let wanted = [request(None, 8080, 8080, Protocol::Tcp)];
    let held = reserve(&world, &wanted).unwrap();
    assert_eq!(
        reserve(&world, &wanted).unwrap_err(),
        "port *:8080/tcp is already taken by another container: `berth ps` shows which"
    );
    drop(held);
    assert!(reserve(&world, &wanted).is_ok());
}

#[test]
fn a_reservation_is_all_or_nothing_and_keeps_others_out() {
    let world = world();
    let taken = world.run(|| TcpListener::bind("0.0.0.0:81").unwrap());
    let both = [request(None, 80, 80, Protocol::Tcp), request(None, 81, 81, Protocol::Tcp)];
    assert!(reserve(&world, &both).is_err());
    world.run(|| TcpListener::bind("0.0.0.0:80").map(drop)).unwrap();
    drop(taken);
    let held = reserve(&world, &both).unwrap();
    for address in ["0.0.0.0:80", "127.0.0.1:80", "[::]:81", "[::1]:80"] {
        assert!(world.run(move || TcpListener::bind(address)).is_err(), "{address}");
    }
    assert!(world.no_tcp("127.0.0.1:80"), "nobody answers yet");
    drop(held);
    world.run(|| TcpListener::bind("[::]:80").map(drop)).unwrap();
}

#[test]
fn ranges_and_the_kernels_choice_find_a_free_port() {
    let world = world();
    let _taken = world.run(|| TcpListener::bind("0.0.0.0:8000").unwrap());
    let range = request(None, 8000, 8002, Protocol::Tcp);
    let any = request(None, 0, 0, Protocol::Tcp);
    let held = reserve(&world, &[range.clone(), range.clone(), any]).unwrap();
    let ports: Vec<u16> = held.ports().iter().map(|port| port.host_port).collect();
    assert_eq!(ports[..2], [8001, 8002]);
    assert!(ports[2] > 1024);
    assert_eq!(reserve(&world, &[range]).unwrap_err(), "every port of *:8000-8002/tcp is already taken");
}

#[test]
fn an_address_that_the_host_lacks_is_an_error_of_its_own() {
    let error = reserve(&world(), &[request(Some("192.0.2.99"), 80, 80, Protocol::Tcp)]).unwrap_err();
    assert_eq!(error, "cannot bind port 192.0.2.99:80/tcp");
}

#[test]
fn a_host_without_ipv6_reserves_over_ipv4() {
    let world = world();
    world.sh("for f in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$f/disable_ipv6; done");
    assert!(
        reserve(&world, &[request(None, 80, 80, Protocol::Tcp), request(None, 0, 0, Protocol::Udp)]).is_ok()
    );
}

#[test]
fn ipv6_clients_reach_a_container_without_ipv6() {
    let lab = Lab::new();
    let runtime = lab
        .host
        .run(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    let net = lab.network('a', "", |_| {});
    let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net, "172.17.0.3"));
    for (container, name) in [(&one, "one"), (&two, "two")] {
        container.world.serve_tcp("0.0.0.0:80", name);
        container.world.serve_udp("0.0.0.0:53", name);
    }
    let mut held = reserve(&lab.host, &[request(None, 8080, 8080, Protocol::Tcp)]).unwrap();
    let ports = [tcp(8080, 80), udp(5300, 53)];
    drop(held);
    held = lab.host.run(move || PortReservation::adopt(&ports).unwrap());
    lab.publish(&one, &ports);
    let serve = |held: &mut PortReservation, container: &lab::Container| {
        let _inside = runtime.enter();
        held.serve(ProxyTarget { address: container.ip().into() }).unwrap();
    };
    serve(&mut held, &one);
    let (web, dns) = ("[fd00:113::1]:8080", "[fd00:113::1]:5300");
    assert_eq!(lab.other.tcp(web).unwrap(), "one 172.17.0.1");
    assert_eq!(lab.other.udp(dns).unwrap(), "one 172.17.0.1");
    assert!(lab.host.tcp("[::1]:8080").is_some() && lab.host.udp("[::1]:5300").is_some());
    assert!(lab.other.tcp(&format!("{HOST}:8080")).is_some(), "IPv4 beside it");
    serve(&mut held, &two);
    assert_eq!(lab.other.tcp(web).unwrap(), "two 172.17.0.1");
    assert_eq!(lab.other.udp(dns).unwrap(), "two 172.17.0.1");
    for _ in 0..500 {
        drop(held);
        held = lab.host.run(move || PortReservation::adopt(&ports).expect("free as soon as it is dropped"));
        serve(&mut held, &two);
    }
    drop(held);
    assert!(lab.other.no_tcp(web));
}

#[test]
fn ipv6_clients_reach_a_container_with_ipv6_by_rules() {
    let lab = Lab::new();
    let net = lab.network('a', "172.17.0.0/16 fd00:1::/64", |_| {});
    let net2 = lab.network('b', "172.18.0.0/16 fd00:2::/64", |_| {});
    let (one, two) = (lab.container(&net, "172.17.0.2"), lab.container(&net, "172.17.0.3"));
    let far = lab.container(&net2, "172.18.0.2");
    one.world.serve_tcp("[::]:80", "one");
    lab.publish(&one, &[tcp(8080, 80), on("fd00:113::1", tcp(8081, 80))]);
    let web = "[fd00:113::1]:8080";
    assert_eq!(lab.other.tcp(web).unwrap(), "one fd00:113::2");
    assert!(lab.other.tcp("[fd00:113::1]:8081").is_some());
    for world in [&lab.host, &one.world, &two.world, &far.world] {
        assert!(world.tcp(web).is_some());
    }
    assert_eq!(two.world.tcp("[fd00:1::2]:80").unwrap(), "one fd00:1::3");
    assert!(far.world.no_tcp("[fd00:1::2]:80"), "networks are apart");
    lab.other.sh("ip -6 route add fd00:1::/64 via fd00:113::1");
    assert!(lab.other.no_tcp("[fd00:1::2]:80"), "not published directly");
    lab.other.serve_tcp("[::]:90", "other");
    assert_eq!(
        one.world.tcp("[fd00:113::2]:90").unwrap(),
        "other fd00:113::1",
        "the host's address is taken"
    );
}

#[test]
fn a_proxied_connection_may_end_half_first() {
    use std::io::{Read, Write};
    let lab = Lab::new();
    let runtime = lab
        .host
        .run(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
    let net = lab.network('a', "", |_| {});
    let one = lab.container(&net, "172.17.0.2");
    let listener = one.world.run(|| TcpListener::bind("0.0.0.0:80").unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let mut held = lab.host.run(|| PortReservation::adopt(&[tcp(8080, 80)]).unwrap());
    {
        let _inside = runtime.enter();
        held.serve(ProxyTarget { address: one.ip().into() }).unwrap();
    }
    let echoed = lab.other.run(|| {
        let mut stream = std::net::TcpStream::connect("[fd00:113::1]:8080").unwrap();
        stream.write_all(&vec![7; 300_000]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all.len()
    });
    assert_eq!(echoed, 300_000);
}

#[test]
fn published_ports_keep_their_order() {
    let held = reserve(
        &world(),
        &[request(None, 90, 90, Protocol::Udp), request(Some("::1"), 80, 80, Protocol::Tcp)],
    )
    .unwrap();
    let expected = [
        PublishedPort { host_ip: None, host_port: 90, container_port: 80, protocol: Protocol::Udp },
        PublishedPort {
            host_ip: Some("::1".parse().unwrap()),
            host_port: 80,
            container_port: 80,
            protocol: Protocol::Tcp,
        },
    ];
    assert_eq!(held.ports(), expected);
}
