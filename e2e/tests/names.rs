//! Names of containers: what the embedded DNS server answers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Netns, images};
use std::{collections::BTreeSet, net::UdpSocket};

const PROJECT: &str = r#"
services:
  ask: {image: tiny, command: [sleep, "1000"], networks: [front, back]}
  web: {image: tiny, command: [sleep, "1000"], deploy: {replicas: 3}, networks: {front: {aliases: [shop]}}}
  fixed: {image: tiny, command: [sleep, "1000"], networks: {back: {ipv4_address: 10.44.0.9}}}
  apart: {image: tiny, command: [sleep, "1000"], networks: [other]}
networks: {front: {}, back: {ipam: {config: [{subnet: 10.44.0.0/24}]}}, other: {}}
"#;

/// The addresses that a name has inside a container, in the order of the answer.
fn lookup(host: &Host, container: &str, name: &str) -> Vec<String> {
    let text = host.berth(["exec", container, "nslookup", "-type=a", name]).stdout;
    let answer = text.split_once("\n\n").map_or("", |(_, answer)| answer);
    answer.lines().filter_map(|line| Some(line.strip_prefix("Address: ")?.trim().to_owned())).collect()
}

#[test]
fn names_and_aliases_answer_all_running_replicas_in_random_order() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project("names", PROJECT);
    host.compose(&dir, "up -d").ok();
    let replicas: BTreeSet<String> = (1..=3)
        .map(|number| {
            let template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
            host.inspect(&format!("names-web-{number}"), template)
        })
        .collect();
    let set = |name: &str| lookup(&host, "names-ask-1", name).into_iter().collect::<BTreeSet<_>>();
    assert_eq!((set("web"), set("shop"), set("names-web-2").len()), (replicas.clone(), replicas, 1));
    let orders: BTreeSet<Vec<String>> = (0..40).map(|_| lookup(&host, "names-ask-1", "web")).collect();
    assert!(orders.len() > 1, "{orders:?}");
    assert_eq!(lookup(&host, "names-ask-1", "fixed"), ["10.44.0.9"]);
    let reverse = host.berth(["exec", "names-ask-1", "nslookup", "10.44.0.9"]).stdout;
    assert!(reverse.contains("names-fixed-1"), "{reverse}");
    host.ok("stop -t 0 names-web-2");
    assert_eq!(set("web").len(), 2, "only running ones are answered");
    assert!(lookup(&host, "names-apart-1", "web").is_empty(), "names of other networks are not known");
    host.compose(&dir, "down -t 0").ok();
}

/// A DNS server for all names, on port 53 of an address of the host; it answers 203.0.113.77.
fn serve(netns: &Netns) {
    let path = netns.path();
    let (ready, bound) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        Netns::enter_path(&path);
        let socket = UdpSocket::bind("198.51.100.2:53").unwrap();
        ready.send(()).unwrap();
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&answer(&buffer[..length]), client);
        }
    });
    bound.recv().unwrap();
}

/// The response to a query of one question: one A record, or none for other types.
fn answer(query: &[u8]) -> Vec<u8> {
    let name_length = query[12..].iter().position(|byte| *byte == 0).unwrap();
    let question = &query[12..12 + name_length + 5];
    let is_a = question[name_length + 2] == 1;
    let mut response = query[..2].to_vec();
    response.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    response.extend(question);
    if is_a {
        response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 77]);
    }
    response
}

#[test]
fn unknown_names_go_to_the_resolvers_of_the_container_or_the_host() {
    let host = Host::new();
    images::tiny(&host);
    serve(host.netns());
    host.ok("network create names");
    host.ok("run -d --name asking --network names --dns 198.51.100.2 tiny sleep 1000");
    assert_eq!(lookup(&host, "asking", "elsewhere.example"), ["203.0.113.77"]);
    assert_eq!(lookup(&host, "asking", "asking").len(), 1);
    assert_ne!(
        lookup(&host, "asking", "asking"),
        ["203.0.113.77"],
        "known names are not asked for elsewhere"
    );
    host.ok("rm -f asking");
}
