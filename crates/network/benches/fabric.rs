//! How long the kernel takes for each operation of the fabric: `cargo bench -p network`, as root. Prints medians and
//! the slowest of each, in microseconds.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and fails by panicking")]

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::time::{Duration, Instant};

use lab::{Lab, endpoint, network_id, tcp};
use network::plan::{NetworkRequest, plan_network};
use network::{Fabric, Netns, NetnsOptions, NetworkSpec, Publication};

fn main() {
    let lab = Lab::new();
    let fabric = lab.fabric.clone();
    lab.host.run(move || {
        println!("{:<44}{:>10}{:>10}", "operation", "median", "slowest");
        let net = networks(&fabric);
        one_by_one(&fabric, &net);
        at_once(&fabric, &net, 10);
        at_once(&fabric, &net, 50);
        down(&fabric, &net, 50);
    });
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    times.push(start.elapsed());
    result
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{name:<44}{:>10}{:>10}", median.as_micros(), slowest.as_micros());
}

fn spec(fabric: &Fabric, digit: char) -> NetworkSpec {
    let request = NetworkRequest { name: digit.to_string(), ..NetworkRequest::default() };
    plan_network(network_id(digit), &request, &fabric.occupied().unwrap()).unwrap()
}

fn networks(fabric: &Fabric) -> NetworkSpec {
    let net = spec(fabric, 'a');
    let mut times = vec![];
    timed(&mut times, || fabric.create_network(&net).unwrap());
    report("create_network, the first", times);
    let (mut made, mut gone) = (vec![], vec![]);
    for _ in 0..5 {
        let net = spec(fabric, 'b');
        timed(&mut made, || fabric.create_network(&net).unwrap());
        timed(&mut gone, || fabric.remove_network(&net.id).unwrap());
    }
    report("create_network", made);
    report("remove_network", gone);
    let five: Vec<_> = "bcdef"
        .chars()
        .map(|digit| {
            let net = spec(fabric, digit);
            fabric.create_network(&net).unwrap();
            net.id
        })
        .collect();
    let mut times = vec![];
    timed(&mut times, || fabric.remove_networks(&five).unwrap());
    report("remove_networks, five", times);
    net
}

fn connect(fabric: &Fabric, net: &NetworkSpec, host: u8) -> Netns {
    let netns = fabric.create_netns(NetnsOptions { dns: true, ipv6: false }).unwrap();
    fabric.attach(&netns, &endpoint(net, &format!("172.17.1.{host}"), 0, true)).unwrap();
    netns
}

fn one_by_one(fabric: &Fabric, net: &NetworkSpec) {
    let (mut plain, mut named, mut attached, mut published, mut taken, mut detached) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    for n in 2u8..40 {
        let _netns =
            timed(&mut plain, || fabric.create_netns(NetnsOptions { dns: false, ipv6: false }).unwrap());
        let netns =
            timed(&mut named, || fabric.create_netns(NetnsOptions { dns: true, ipv6: false }).unwrap());
        let end = endpoint(net, &format!("172.17.0.{n}"), 0, true);
        timed(&mut attached, || fabric.attach(&netns, &end).unwrap());
        let ports = vec![tcp(8000 + u16::from(n), 80)];
        let publication = Publication { container: n.to_string(), ipv4: end.ipv4, ipv6: None, ports };
        timed(&mut published, || fabric.publish(&publication).unwrap());
        timed(&mut taken, || fabric.unpublish(&n.to_string()).unwrap());
        if n < 8 {
            timed(&mut detached, || fabric.detach(&netns, &end).unwrap());
        }
    }
    report("create_netns", plain);
    report("create_netns with DNS sockets", named);
    report("attach", attached);
    report("publish one port", published);
    report("unpublish", taken);
    report("detach from a running container", detached);
}

/// All namespaces from four threads, then all given back; how long until the kernel has removed the interfaces.
fn at_once(fabric: &Fabric, net: &NetworkSpec, count: u8) {
    let (mut made, mut gone) = (vec![], vec![]);
    for _ in 0..3 {
        wait_for_ports(0);
        let all = timed(&mut made, || connect_all(fabric, net, count));
        timed(&mut gone, || {
            drop(all);
            wait_for_ports(0);
        });
    }
    report(&format!("{count} containers connected by 4 threads"), made);
    report(&format!("{count} containers gone from the bridge"), gone);
}

fn connect_all(fabric: &Fabric, net: &NetworkSpec, count: u8) -> Vec<Netns> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|k| {
                scope.spawn(move || {
                    (2..2 + count).filter(|n| n % 4 == k).map(|n| connect(fabric, net, n)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn down(fabric: &Fabric, net: &NetworkSpec, count: u8) {
    let mut times = vec![];
    for _ in 0..3 {
        let all = connect_all(fabric, net, count);
        timed(&mut times, || {
            drop(all);
            fabric.remove_network(&net.id).unwrap();
        });
        assert_eq!(ports(), 0, "nothing is left");
        fabric.create_network(net).unwrap();
    }
    report(&format!("{count} containers and their network removed"), times);
}

fn ports() -> usize {
    let list =
        std::process::Command::new("ip").args(["-o", "link", "show", "type", "veth"]).output().unwrap();
    String::from_utf8_lossy(&list.stdout).lines().filter(|line| line.contains("master")).count()
}

fn wait_for_ports(count: usize) {
    while ports() != count {
        std::thread::sleep(Duration::from_millis(1));
    }
}
