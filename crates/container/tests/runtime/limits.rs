//! Control group limits, in whatever version this machine has.

use std::fs;

use serde_json::json;

use crate::Test;
use crate::bundle::{Bundle, until};

pub(crate) const TESTS: &[Test] = &[
    ("memory_is_limited", memory_is_limited),
    ("processes_are_limited", processes_are_limited),
    ("processor_limits_are_set", processor_limits_are_set),
    ("limits_can_be_updated", limits_can_be_updated),
    ("usage_is_told", usage_is_told),
    ("a_wrong_limit_is_told", a_wrong_limit_is_told),
];

fn read(bundle: &Bundle, controller: &str, v1: &str, v2: &str) -> String {
    let dir = bundle.cgroup(controller);
    let file = if dir.join(v1).exists() { dir.join(v1) } else { dir.join(v2) };
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())).trim().to_owned()
}

fn memory_is_limited() {
    let bundle = Bundle::new("head -c 100000000 /dev/zero | dd bs=100000000 count=1 iflag=fullblock | wc -c")
        .set("/linux/resources/memory", json!({"limit": 20_000_000}));
    bundle.start();
    bundle.wait();
    let group = container::cgroup::Cgroup::existing(format!("/berth-test/{}", bundle.id).as_ref());
    assert!(group.oom_kills().unwrap() >= 1);
    let limit: u64 = read(&bundle, "memory", "memory.limit_in_bytes", "memory.max").parse().unwrap();
    assert_eq!(limit, 20_000_000 / 4096 * 4096);
}

fn processes_are_limited() {
    let bundle = Bundle::new("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait")
        .set("/linux/resources/pids", json!({"limit": 5}));
    let answer = bundle.run();
    assert!(answer.err.contains("can't fork"), "{answer:?}");
}

fn processor_limits_are_set() {
    let bundle = Bundle::new("sleep 100")
        .set("/linux/resources/cpu", json!({"shares": 512, "quota": 50_000, "period": 100_000, "cpus": "0"}));
    bundle.create().ok();
    let quota = read(&bundle, "cpu", "cpu.cfs_quota_us", "cpu.max");
    assert!(quota == "50000" || quota == "50000 100000", "{quota}");
    let shares = read(&bundle, "cpu", "cpu.shares", "cpu.weight");
    assert!(shares == "512" || shares == "59", "{shares}");
    assert_eq!(read(&bundle, "cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
}

fn limits_can_be_updated() {
    let bundle = Bundle::new("sleep 100")
        .set("/linux/resources/memory", json!({"limit": 50_000_000, "swap": 50_000_000}));
    bundle.start();
    let limit = || read(&bundle, "memory", "memory.limit_in_bytes", "memory.max");
    bundle
        .oci(&["update", "--memory", "100m", "--memory-swap", "100m", "--pids-limit", "9", &bundle.id])
        .ok();
    assert_eq!(limit(), "104857600");
    bundle.oci(&["update", "--memory", "60m", "--memory-swap", "60m", &bundle.id]).ok();
    assert_eq!(limit(), "62914560");
    assert_eq!(read(&bundle, "pids", "pids.max", "pids.max"), "9");
    let file = bundle.dir().join("resources.json");
    fs::write(&file, r#"{"cpu":{"shares":200}}"#).unwrap();
    bundle.oci(&["update", "-r", file.to_str().unwrap(), &bundle.id]).ok();
    let shares = read(&bundle, "cpu", "cpu.shares", "cpu.weight");
    assert!(shares == "200" || shares == "29", "{shares}");
    let denied = bundle.exec(&["sh", "-c", "mknod /tmp/kmsg c 1 11 && head -c1 /tmp/kmsg"]);
    assert!(denied.err.contains("Operation not permitted"), "an update does not touch devices: {denied:?}");
}

fn usage_is_told() {
    let bundle = Bundle::new("sleep 100 & while true; do :; done");
    bundle.start();
    let stats = || {
        container::cgroup::Cgroup::existing(format!("/berth-test/{}", bundle.id).as_ref()).stats().unwrap()
    };
    until(|| stats().cpu.total > 50_000_000 && stats().pids.current == 2);
    assert!(stats().memory.usage > 0 && stats().memory.limit == u64::MAX);
    let event: serde_json::Value =
        serde_json::from_str(&bundle.oci(&["events", "--stats", &bundle.id]).ok().out).unwrap();
    assert_eq!((event["type"].as_str(), event["id"].as_str()), (Some("stats"), Some(bundle.id.as_str())));
    assert!(event["data"]["cpu"]["usage"]["total"].as_u64().unwrap() > 0);
}

fn a_wrong_limit_is_told() {
    let bundle = Bundle::new("true").set("/linux/resources/cpu", json!({"cpus": "77777"}));
    let answer = bundle.run();
    assert!(answer.code != 0 && answer.err.contains("cpuset.cpus"), "{answer:?}");
    assert!(!bundle.cgroup("pids").exists());
}
