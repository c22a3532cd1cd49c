//! A small world of network namespaces: a "host" in which the fabric works, another host beside it, and containers.
//! Nothing here touches the machine's own interfaces or rules.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use network::plan::{AddressPool, AddressWish, NetworkRequest, SubnetRequest, plan_network};
use network::{
    Endpoint, Fabric, FabricConfig, FirewallChoice, Instance, InterfaceName, MacAddress, Netns, NetnsOptions,
    NetworkId, NetworkSpec, Protocol, Publication, PublishedPort,
};

pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
const PATIENCE: Duration = Duration::from_secs(3);
const SHORT: Duration = Duration::from_millis(300);

/// A network namespace with a thread that lives in it: work is sent there.
pub(crate) struct World {
    jobs: mpsc::Sender<Box<dyn FnOnce() + Send>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let (jobs, queue) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        std::thread::spawn(move || {
            // SAFETY: only the network namespace of this thread changes; descriptors stay shared.
            unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }
                .expect("these tests need root");
            queue.iter().for_each(|job| job());
        });
        Self { jobs }
    }

    pub(crate) fn of(netns: &Netns) -> Self {
        let file = std::fs::File::open(netns.path()).unwrap();
        let (jobs, queue) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        std::thread::spawn(move || {
            rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), None).unwrap();
            drop(file);
            queue.iter().for_each(|job| job());
        });
        Self { jobs }
    }

    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        let job = Box::new(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let _ = sender.send(result);
        });
        self.jobs.send(job).unwrap();
        receiver.recv().unwrap().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Output of a command inside; it must succeed.
    pub(crate) fn sh(&self, line: &str) -> String {
        let line = line.to_owned();
        self.run(move || sh(&line))
    }

    /// A TCP server that answers each connection with `name` and the address of the client.
    pub(crate) fn serve_tcp(&self, address: &str, name: &str) {
        let (address, name) = (address.to_owned(), name.to_owned());
        let listener = self.run(move || TcpListener::bind(address).unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let peer = stream.peer_addr().unwrap().ip();
                let _ = stream.write_all(format!("{name} {peer}").as_bytes());
            }
        });
    }

    /// A UDP server that answers each datagram with `name` and the address of the client.
    pub(crate) fn serve_udp(&self, address: &str, name: &str) {
        let (address, name) = (address.to_owned(), name.to_owned());
        let socket = self.run(move || UdpSocket::bind(address).unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(format!("{name} {}", peer.ip()).as_bytes(), peer);
            }
        });
    }

    /// What a TCP server answers; `None` when there is no way to it.
    pub(crate) fn tcp(&self, address: &str) -> Option<String> {
        self.tcp_within(address, PATIENCE)
    }

    /// Whether nothing answers: refused, unreachable or silent.
    pub(crate) fn no_tcp(&self, address: &str) -> bool {
        self.tcp_within(address, SHORT).is_none()
    }

    fn tcp_within(&self, address: &str, patience: Duration) -> Option<String> {
        let address: SocketAddr = address.parse().unwrap();
        self.run(move || {
            let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
            stream.set_read_timeout(Some(patience)).ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            Some(text)
        })
    }

    pub(crate) fn udp(&self, address: &str) -> Option<String> {
        self.udp_within(address, PATIENCE)
    }

    pub(crate) fn no_udp(&self, address: &str) -> bool {
        self.udp_within(address, SHORT).is_none()
    }

    fn udp_within(&self, address: &str, patience: Duration) -> Option<String> {
        let address: SocketAddr = address.parse().unwrap();
        self.run(move || {
            let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(local).unwrap();
            socket.connect(address).ok()?;
            socket.set_read_timeout(Some(patience)).unwrap();
            socket.send(b"?").ok()?;
            let mut buffer = [0; 2048];
            let length = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        })
    }
}

fn sh(line: &str) -> String {
    let output = Command::new("sh").args(["-ec", line]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{line}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The host with its fabric, and another host on its uplink.
pub(crate) struct Lab {
    pub(crate) host: World,
    pub(crate) other: World,
    pub(crate) fabric: Fabric,
    pub(crate) run_dir: tempfile::TempDir,
}

/// A container: a namespace connected to networks.
pub(crate) struct Container {
    pub(crate) netns: Netns,
    pub(crate) world: World,
    pub(crate) endpoint: Endpoint,
}

impl Container {
    pub(crate) fn ip(&self) -> Ipv4Addr {
        self.endpoint.ipv4.unwrap()
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(FirewallChoice::Nftables)
    }

    pub(crate) fn with(firewall: FirewallChoice) -> Self {
        let (host, other) = (World::new(), World::new());
        join(&host, &other, "up0", &HOST.to_string(), &OTHER.to_string());
        host.sh(&format!(
            "ip link set lo up; ip -6 addr add fd00:113::1/64 dev up0 nodad; ip route add default via {OTHER}"
        ));
        other.sh("ip link set lo up; ip -6 addr add fd00:113::2/64 dev up0 nodad");
        let run_dir = tempfile::tempdir().unwrap();
        let fabric = open(&host, run_dir.path().to_owned(), Instance::primary(), firewall);
        Self { host, other, fabric, run_dir }
    }

    /// Another host on an interface of its own.
    pub(crate) fn join(&self, other: &World, interface: &str, here: &str, there: &str) {
        join(&self.host, other, interface, here, there);
    }

    /// A network made from a request with one subnet.
    pub(crate) fn network(
        &self,
        digit: char,
        subnet: &str,
        change: impl FnOnce(&mut NetworkRequest),
    ) -> NetworkSpec {
        network_of(&self.host, &self.fabric, digit, subnet, change)
    }

    pub(crate) fn container(&self, spec: &NetworkSpec, address: &str) -> Container {
        container_of(&self.host, &self.fabric, spec, address)
    }

    /// Publishes ports `host_ip:host_port -> container_port/protocol`.
    pub(crate) fn publish(&self, container: &Container, ports: &[PublishedPort]) {
        publish_on(&self.host, &self.fabric, container, ports);
    }
}

/// Lays a cable between two worlds.
fn join(one: &World, two: &World, interface: &str, here: &str, there: &str) {
    let tid = two.run(|| rustix::thread::gettid().as_raw_nonzero().get());
    let path = format!("/proc/{}/task/{tid}/ns/net", std::process::id());
    one.sh(&format!(
        "ip link add {interface} type veth peer name {interface} netns {path}; \
         ip addr add {here}/24 dev {interface}; ip link set {interface} mtu 1400 up"
    ));
    two.sh(&format!("ip addr add {there}/24 dev {interface}; ip link set {interface} mtu 1400 up"));
}

pub(crate) fn open(host: &World, run_dir: PathBuf, instance: Instance, firewall: FirewallChoice) -> Fabric {
    host.run(move || Fabric::open(FabricConfig { run_dir, instance, firewall }).unwrap())
}

pub(crate) fn network_id(digit: char) -> NetworkId {
    std::iter::repeat_n(digit, 64).collect::<String>().parse().unwrap()
}

pub(crate) fn network_of(
    host: &World,
    fabric: &Fabric,
    digit: char,
    subnet: &str,
    change: impl FnOnce(&mut NetworkRequest),
) -> NetworkSpec {
    let subnets = subnet.split(' ').filter(|s| !s.is_empty());
    let subnets =
        subnets.map(|s| SubnetRequest { subnet: Some(s.parse().unwrap()), ..SubnetRequest::default() });
    let mut request = NetworkRequest {
        name: format!("net-{digit}"),
        subnets: subnets.collect(),
        ..NetworkRequest::default()
    };
    change(&mut request);
    let fabric = fabric.clone();
    host.run(move || {
        let spec = plan_network(network_id(digit), &request, &fabric.occupied().unwrap()).unwrap();
        fabric.create_network(&spec).unwrap();
        spec
    })
}

/// The address decides which of the container's connections is its default route: the first one.
pub(crate) fn container_of(host: &World, fabric: &Fabric, spec: &NetworkSpec, address: &str) -> Container {
    let endpoint = endpoint(spec, address, 0, true);
    let fabric = fabric.clone();
    let (netns, endpoint) = host.run(move || {
        let netns = fabric.create_netns(NetnsOptions { dns: false, ipv6: false }).unwrap();
        fabric.attach(&netns, &endpoint).unwrap();
        (netns, endpoint)
    });
    Container { world: World::of(&netns), netns, endpoint }
}

pub(crate) fn endpoint(spec: &NetworkSpec, address: &str, index: u16, is_default_gateway: bool) -> Endpoint {
    let wish = AddressWish { ipv4: Some(address.parse().unwrap()), ipv6: None };
    let addresses = AddressPool::new(spec).lease("c", wish).unwrap();
    let ipv6 = addresses.ipv6.map(|v6| {
        let mut octets = v6.octets();
        octets[15] = addresses.ipv4.unwrap().octets()[3];
        octets.into()
    });
    Endpoint {
        network: spec.id.clone(),
        ipv4: addresses.ipv4,
        ipv6,
        mac: MacAddress::for_ipv4(addresses.ipv4.unwrap()),
        ifname: InterfaceName::eth(index),
        is_default_gateway,
    }
}

pub(crate) fn publish_on(host: &World, fabric: &Fabric, container: &Container, ports: &[PublishedPort]) {
    let publication = Publication {
        container: container.ip().to_string(),
        ipv4: container.endpoint.ipv4,
        ipv6: container.endpoint.ipv6,
        ports: ports.to_vec(),
    };
    let fabric = fabric.clone();
    host.run(move || fabric.publish(&publication).unwrap());
}

pub(crate) fn tcp(host_port: u16, container_port: u16) -> PublishedPort {
    PublishedPort { host_ip: None, host_port, container_port, protocol: Protocol::Tcp }
}

pub(crate) fn udp(host_port: u16, container_port: u16) -> PublishedPort {
    PublishedPort { protocol: Protocol::Udp, ..tcp(host_port, container_port) }
}

pub(crate) fn on(host_ip: &str, port: PublishedPort) -> PublishedPort {
    PublishedPort { host_ip: Some(host_ip.parse().unwrap()), ..port }
}
