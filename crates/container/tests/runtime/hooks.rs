//! Hooks.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::Test;
use crate::bundle::{Bundle, until};

pub(crate) const TESTS: &[Test] = &[
    ("hooks_run_in_their_order", hooks_run_in_their_order),
    ("hooks_are_told_the_state", hooks_are_told_the_state),
    ("a_failing_hook_ends_the_creation", a_failing_hook_ends_the_creation),
    ("a_hook_that_takes_too_long_is_ended", a_hook_that_takes_too_long_is_ended),
];

/// A bundle whose hooks append to `hooks` in it. Those that run in the container write to its `/log`.
fn hooked(script: &str) -> Bundle {
    let bundle = Bundle::new("echo program >> /log; sleep 100");
    let path = bundle.dir().join("hook.sh");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let log = bundle.root().join("log");
    let outside = |name: &str| json!([{"path": path, "args": ["hook", name], "env": [format!("LOG={}", log.display())]}]);
    let inside = json!([{"path": "/bin/sh", "args": ["sh", "-c", "echo startContainer >> /log"], "env": ["PATH=/bin"]}]);
    let hooks = json!({
        "prestart": outside("prestart"),
        "createRuntime": outside("createRuntime"),
        "createContainer": outside("createContainer"),
        "startContainer": inside,
        "poststart": outside("poststart"),
        "poststop": outside("poststop"),
    });
    bundle.set("/hooks", hooks)
}

fn hooks_run_in_their_order() {
    let bundle = hooked("echo $1 >> $LOG");
    bundle.create().ok();
    let log = || fs::read_to_string(bundle.root().join("log")).unwrap_or_default();
    assert_eq!(log(), "prestart\ncreateRuntime\ncreateContainer\n");
    bundle.oci(&["start", &bundle.id]).ok();
    until(|| log().lines().count() == 6);
    let after = log();
    assert!(
        after.contains("startContainer\nprogram\n") || after.contains("startContainer\npoststart\n"),
        "{after}"
    );
    bundle.oci(&["kill", &bundle.id, "KILL"]).ok();
    bundle.wait();
    bundle.oci(&["delete", &bundle.id]).ok();
    assert!(log().ends_with("poststop\n"));
}

fn hooks_are_told_the_state() {
    let bundle = hooked("cat > $LOG.$1; readlink /proc/self/ns/mnt > $LOG.$1.ns");
    bundle.start();
    let state = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(bundle.root().join(format!("log.{name}"))).unwrap()).unwrap()
    };
    let pid = bundle.pid();
    for (name, status) in [
        ("prestart", "created"),
        ("createRuntime", "creating"),
        ("createContainer", "creating"),
        ("poststart", "running"),
    ] {
        let told = state(name);
        assert_eq!(
            (told["status"].as_str().unwrap(), told["pid"].as_i64().unwrap() as i32),
            (status, pid),
            "{name}"
        );
        assert_eq!(told["id"], bundle.id);
        assert_eq!(told["bundle"], bundle.dir().to_str().unwrap());
    }
    let namespace = |name: &str| fs::read_to_string(bundle.root().join(format!("log.{name}.ns"))).unwrap();
    let own = fs::read_link("/proc/self/ns/mnt").unwrap().display().to_string() + "\n";
    assert_eq!(namespace("createRuntime"), own);
    assert_ne!(namespace("createContainer"), own);
}

fn a_failing_hook_ends_the_creation() {
    let bundle = hooked("[ $1 != createRuntime ] || { echo because >&2; exit 5; }");
    let answer = bundle.create();
    assert_eq!(answer.code, 1);
    assert!(answer.err.contains("createRuntime hook") && answer.err.contains("because"), "{answer:?}");
    assert!(!bundle.cgroup("pids").exists());
}

fn a_hook_that_takes_too_long_is_ended() {
    let bundle = hooked("exec sleep 1000").set("/hooks/prestart/0/timeout", json!(1));
    let answer = bundle.create();
    assert!(answer.err.contains("not finished after 1 seconds"), "{answer:?}");
}
