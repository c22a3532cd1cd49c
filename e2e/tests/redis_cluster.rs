//! The Redis Cluster of text 002, for real: made, written to, broken, healed, stopped and started again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Netns, Outcome, eventually_within, images, workspace};
use redis::{Commands as _, cluster::ClusterClient};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

const KEYS: usize = 10_000;
const LONG: Duration = Duration::from_secs(60);
const VICTIM: &str = "10.0.0.2:7002";
const OTHER: &str = "10.0.0.3:7003";

fn stack() -> PathBuf {
    workspace().join("stacks/redis-cluster")
}

fn compose(host: &Host, line: &str) -> Outcome {
    host.compose(&stack(), line)
}

/// Runs redis-cli against a node, from the host.
fn redis_cli(host: &Host, node: &str, line: &str) -> String {
    let (address, port) = node.split_once(':').unwrap();
    let mut command = host.command("redis-cli");
    let outcome = Outcome::of(command.args(["-h", address, "-p", port]).args(line.split(' ')));
    outcome.stdout.replace('\r', "")
}

fn info(host: &Host, node: &str, key: &str) -> String {
    let text = redis_cli(host, node, "cluster info");
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_default().to_owned()
}

/// The flags of a node (`master`, `slave`, `fail`, …) as another sees it.
fn flags(host: &Host, seen_by: &str, node: &str) -> String {
    let text = redis_cli(host, seen_by, "cluster nodes");
    let line = text.lines().find(|line| line.contains(&format!(" {node}@"))).unwrap_or_default().to_owned();
    line.split(' ').nth(2).unwrap_or_default().to_owned()
}

fn whole(host: &Host) {
    eventually_within(LONG, "the cluster is whole", || info(host, OTHER, "cluster_state") == "ok");
}

fn cluster() -> redis::cluster::ClusterConnection {
    let client =
        ClusterClient::new(vec![format!("redis://{OTHER}/"), "redis://10.0.0.4:7004/".to_owned()]).unwrap();
    client.get_connection().unwrap()
}

fn write_keys() {
    let mut connection = cluster();
    for number in 0..KEYS {
        let _: () = connection.set(format!("key:{number}"), number).unwrap();
    }
}

fn read_keys() {
    let mut connection = cluster();
    for number in 0..KEYS {
        let value: Option<usize> = connection.get(format!("key:{number}")).unwrap();
        assert_eq!(value, Some(number), "key:{number}");
    }
}

/// Names, ids and start times of the project's containers.
fn identities(host: &Host) -> String {
    let ids = compose(host, "ps -aq").ok();
    let mut all: Vec<String> =
        ids.split_whitespace().map(|id| host.inspect(id, "{{.Name}} {{.Id}} {{.State.StartedAt}}")).collect();
    all.sort();
    assert_eq!(all.len(), 7, "{all:?}");
    all.join("\n")
}

/// Writes to one primary until it is gone; remembers the keys that a replica had confirmed.
fn write_acknowledged(acknowledged: &Mutex<Vec<String>>) {
    let client = redis::Client::open(format!("redis://{VICTIM}/")).unwrap();
    let mut connection = client.get_connection().unwrap();
    for number in 0..1_000_000 {
        let key = format!("acknowledged:{number}");
        match connection.set::<_, _, ()>(&key, number) {
            Ok(()) => {}
            Err(error) if error.is_io_error() || error.is_connection_dropped() => return,
            // The key belongs to another primary.
            Err(_) => continue,
        }
        let confirmed: Result<u32, _> = redis::cmd("WAIT").arg(1).arg(1000).query(&mut connection);
        match confirmed {
            Ok(count) if count >= 1 => acknowledged.lock().unwrap().push(key),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn kill_a_primary_and_see_it_come_back(host: &Host) {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let writer = {
        let (acknowledged, netns) = (Arc::clone(&acknowledged), host.netns().path());
        std::thread::spawn(move || {
            Netns::enter_path(&netns);
            write_acknowledged(&acknowledged);
        })
    };
    eventually_within(LONG, "some writes are acknowledged", || acknowledged.lock().unwrap().len() > 200);
    assert!(flags(host, OTHER, VICTIM).contains("master"));
    let pid = host.pid_of("redis-cluster-redis-1-1");
    Outcome::of(host.command("kill").args(["-9", &pid.to_string()])).ok();
    writer.join().unwrap();
    eventually_within(LONG, "a replica is promoted and the cluster is whole", || {
        flags(host, OTHER, VICTIM).contains("fail") && info(host, OTHER, "cluster_state") == "ok"
    });
    let keys = std::mem::take(&mut *acknowledged.lock().unwrap());
    let mut connection = cluster();
    for key in &keys {
        let value: Option<u64> = connection.get(key).unwrap();
        assert!(value.is_some(), "{key} was acknowledged by a replica and is lost");
    }
    eventually_within(LONG, "the killed node is back as a replica", || {
        let flags = flags(host, OTHER, VICTIM);
        flags.contains("slave") && !flags.contains("fail")
    });
    assert_eq!(host.inspect("redis-cluster-redis-1-1", "{{.RestartCount}}"), "1");
}

#[test]
fn the_cluster_keeps_its_promises() {
    let host = Host::on_root(&images::debian_root());
    host.netns().enter();
    compose(&host, "up -d --build").ok();
    assert_eq!(host.ok("container wait redis-cluster-redis-cluster-1"), "0");
    let log = compose(&host, "logs --no-log-prefix redis-cluster").ok();
    assert!(log.contains("[OK] All 16384 slots covered."), "{log}");
    whole(&host);
    assert_eq!(info(&host, OTHER, "cluster_slots_assigned"), "16384");
    assert_eq!(info(&host, OTHER, "cluster_known_nodes"), "6");

    write_keys();
    read_keys();

    let before = identities(&host);
    compose(&host, "up -d").ok();
    assert_eq!(identities(&host), before, "a second up changes nothing");

    kill_a_primary_and_see_it_come_back(&host);
    read_keys();

    compose(&host, "down").ok();
    assert_eq!(compose(&host, "ps -aq").ok().trim(), "");
    compose(&host, "up -d").ok();
    whole(&host);
    read_keys();

    compose(&host, "down -v").ok();
    assert_eq!(host.ok("volume ls -q"), "");
}

#[test]
fn three_replicas_for_each_shard_come_up() {
    let host = Host::on_root(&images::debian_root());
    let run = |arguments: &[&str]| {
        let mut command = host.berth_command(arguments);
        Outcome::of(command.current_dir(stack()).env("REPLICAS", "3")).ok()
    };
    run(&["compose", "up", "-d"]);
    assert_eq!(host.ok("container wait redis-cluster-redis-cluster-1"), "0");
    assert_eq!(info(&host, VICTIM, "cluster_known_nodes"), "12");
    assert_eq!(info(&host, VICTIM, "cluster_slots_assigned"), "16384");
    run(&["compose", "down", "-v"]);
    assert_eq!(host.ok("volume ls -q"), "");
}
