//! Namespaces: new ones, those of others, and user namespaces.

use std::fs;

use serde_json::{Value, json};

use crate::Test;
use crate::bundle::Bundle;

pub(crate) const TESTS: &[Test] = &[
    ("every_namespace_is_new", every_namespace_is_new),
    ("a_namespace_can_be_anothers", a_namespace_can_be_anothers),
    ("a_missing_namespace_is_told", a_missing_namespace_is_told),
    ("the_hosts_namespaces_can_be_kept", the_hosts_namespaces_can_be_kept),
    ("the_hosts_mounts_can_be_kept", the_hosts_mounts_can_be_kept),
    ("a_mount_namespace_can_be_anothers", a_mount_namespace_can_be_anothers),
    ("the_loopback_interface_is_up", the_loopback_interface_is_up),
    ("root_can_be_somebody_else_outside", root_can_be_somebody_else_outside),
    ("a_mount_can_be_the_root_of_a_user_namespace", a_mount_can_be_the_root_of_a_user_namespace),
    ("a_user_namespace_can_be_anothers", a_user_namespace_can_be_anothers),
    ("clocks_can_be_moved", clocks_can_be_moved),
];

const KINDS: [&str; 6] = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];

fn links(pid: &str) -> Vec<String> {
    KINDS
        .iter()
        .map(|kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap().display().to_string())
        .collect()
}

fn every_namespace_is_new() {
    let bundle = Bundle::new("sleep 100");
    bundle.start();
    let (own, its) = (links("self"), links(&bundle.pid().to_string()));
    assert!(own.iter().zip(&its).all(|(a, b)| a != b), "{own:?} {its:?}");
}

fn a_namespace_can_be_anothers() {
    let first = Bundle::new("sleep 100");
    first.start();
    let pid = first.pid();
    let path = |kind: &str, file: &str| Some(json!({"type": kind, "path": format!("/proc/{pid}/ns/{file}")}));
    let second = Bundle::new("sleep 101")
        .namespace("network", path("network", "net"))
        .namespace("ipc", path("ipc", "ipc"))
        .namespace("uts", path("uts", "uts"))
        .namespace("pid", path("pid", "pid"));
    let mut second = second;
    second.config.as_object_mut().unwrap().remove("hostname");
    second.start();
    let (one, two) = (links(&pid.to_string()), links(&second.pid().to_string()));
    let shared: Vec<&str> =
        KINDS.iter().zip(one.iter().zip(&two)).filter(|(_, (a, b))| a == b).map(|(k, _)| *k).collect();
    assert_eq!(shared, ["ipc", "net", "pid", "uts"]);
    let seen = second.exec(&["ps"]).ok();
    assert!(seen.out.contains("sleep 100") && seen.out.contains("sleep 101"), "{seen:?}");
}

fn a_missing_namespace_is_told() {
    let bundle =
        Bundle::new("true").namespace("network", Some(json!({"type": "network", "path": "/no/such"})));
    let answer = bundle.run();
    assert!(answer.err.contains("join the namespace /no/such: No such file or directory"), "{answer:?}");
}

fn the_hosts_namespaces_can_be_kept() {
    let mut bundle = Bundle::new("readlink /proc/self/ns/net; readlink /proc/self/ns/ipc")
        .namespace("network", None)
        .namespace("ipc", None);
    bundle.config["mounts"].as_array_mut().unwrap().retain(|mount| mount["type"] != "mqueue");
    let out = bundle.run().ok().out;
    let own = |kind: &str| fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().display().to_string();
    assert_eq!(out, format!("{}\n{}\n", own("net"), own("ipc")));
}

/// What is mounted then is seen by all, and is gone when the container is deleted.
fn the_hosts_mounts_can_be_kept() {
    let bundle = Bundle::new("readlink /proc/self/ns/mnt; ls /; sleep 100").namespace("mount", None);
    bundle.start();
    crate::bundle::until(|| bundle.output("out").lines().count() > 5);
    let own = fs::read_link("/proc/self/ns/mnt").unwrap().display().to_string();
    assert!(bundle.output("out").starts_with(&own));
    let mounted =
        || fs::read_to_string("/proc/self/mountinfo").unwrap().contains(bundle.root().to_str().unwrap());
    assert!(mounted());
    bundle.oci(&["delete", "--force", &bundle.id]).ok();
    assert!(!mounted());
}

fn a_mount_namespace_can_be_anothers() {
    let mut other = std::process::Command::new("unshare").args(["--mount", "sleep", "100"]).spawn().unwrap();
    let path = format!("/proc/{}/ns/mnt", other.id());
    let own = fs::read_link("/proc/self/ns/mnt").unwrap();
    crate::bundle::until(|| fs::read_link(&path).unwrap() != own);
    let bundle = Bundle::new("readlink /proc/self/ns/mnt; hostname; ls /proc/1/comm")
        .namespace("mount", Some(json!({"type": "mount", "path": path})));
    let its = fs::read_link(&path).unwrap().display().to_string();
    let answer = bundle.run();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(answer.ok().out, format!("{its}\nbox\n/proc/1/comm\n"));
    assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(bundle.root().to_str().unwrap()));
}

fn the_loopback_interface_is_up() {
    let out = Bundle::new("cat /sys/class/net/lo/flags; cat /proc/net/fib_trie").run().ok().out;
    assert!(out.starts_with("0x9\n") && out.contains("127.0.0.1"), "{out}");
}

fn mapped(bundle: Bundle) -> Bundle {
    let mapping = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
    rustix::fs::chown(bundle.dir(), Some(rustix::fs::Uid::from_raw(100_000)), None).unwrap();
    // What the namespace owns is what its root may write to.
    let chown =
        std::process::Command::new("chown").arg("-R").arg("100000:100000").arg(bundle.root()).status();
    assert!(chown.unwrap().success());
    bundle
        .namespace("user", Some(json!({"type": "user"})))
        .set("/linux/uidMappings", mapping.clone())
        .set("/linux/gidMappings", mapping)
}

fn root_can_be_somebody_else_outside() {
    let script = "id -u; cat /proc/self/uid_map; touch /made; echo x > /dev/null; hostname; grep CapEff /proc/self/status; \
                  cat /proc/self/oom_score_adj; ls -ld /dev /dev/shm | wc -l; sleep 100";
    let bundle = mapped(Bundle::new(script)).set("/process/oomScoreAdj", json!(5));
    bundle.start();
    crate::bundle::until(|| bundle.output("out").lines().count() >= 6 || !bundle.output("err").is_empty());
    assert_eq!(bundle.output("err"), "");
    let out = bundle.output("out");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "0");
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["0", "100000", "65536"]);
    assert_eq!((lines[2], lines[4], lines[5]), ("box", "5", "2"));
    assert!(lines[3].ends_with("a80425fb"));
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(bundle.root().join("made")).unwrap().uid(), 100_000);
    assert_eq!(fs::metadata(format!("/proc/{}", bundle.pid())).unwrap().uid(), 100_000);
    let inside = bundle.exec(&["sh", "-c", "id -u; touch /by-exec"]).ok();
    assert_eq!(inside.out, "0\n");
    assert_eq!(fs::metadata(bundle.root().join("by-exec")).unwrap().uid(), 100_000);
}

/// A mount from outside the user namespace is locked in its place.
fn a_mount_can_be_the_root_of_a_user_namespace() {
    let bundle = mapped(Bundle::new("id -u; touch /made"));
    let root = bundle.root();
    rustix::mount::mount_bind(&root, &root).unwrap();
    let answer = bundle.run();
    rustix::mount::unmount(&root, rustix::mount::UnmountFlags::DETACH).unwrap();
    assert_eq!(answer.ok().out, "0\n");
}

fn a_user_namespace_can_be_anothers() {
    let first = mapped(Bundle::new("sleep 100"));
    first.start();
    let path = format!("/proc/{}/ns/user", first.pid());
    let second =
        mapped(Bundle::new("sleep 100")).namespace("user", Some(json!({"type": "user", "path": path})));
    second.start();
    let user = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/user")).unwrap();
    assert_eq!(user(first.pid()), user(second.pid()));
    assert_ne!(links(&first.pid().to_string()), links(&second.pid().to_string()));
    assert_eq!(second.exec(&["id", "-u"]).ok().out, "0\n");
}

fn clocks_can_be_moved() {
    let bundle = Bundle::new("cat /proc/uptime")
        .namespace("time", Some(json!({"type": "time"})))
        .set("/linux/timeOffsets", json!({"boottime": {"secs": 1_000_000_000i64}}));
    let out = bundle.run().ok().out;
    let uptime: f64 = out.split_whitespace().next().unwrap().parse().unwrap();
    assert!(uptime > 1e9, "{out}");
    let _: Value = json!(null);
}
