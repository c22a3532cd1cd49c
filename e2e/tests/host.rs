//! What happens on the host beside the containers: the examination of it, and processes that are killed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, eventually, images};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The parent of a container's first process: its shim.
fn shim_of(host: &Host, container: &str) -> Pid {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid_of(container))).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    Pid::from_raw(parent.trim().parse().unwrap()).unwrap()
}

fn exists(process: u32) -> bool {
    std::path::Path::new(&format!("/proc/{process}")).exists()
}

#[test]
fn a_container_whose_shim_is_killed_is_ended_and_says_why() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run -d --name web --pid host {image} sleep 1000"));
    let process = host.pid_of("web");
    kill_process(shim_of(&host, "web"), Signal::KILL).unwrap();
    eventually("the end is recorded", || host.inspect("web", "{{.State.Status}}") == "exited");
    assert_eq!(host.inspect("web", "{{.State.ExitCode}}"), "137");
    let error = host.inspect("web", "{{.State.Error}}");
    assert!(error.contains("the shim that stood by the container was killed"), "{error}");
    eventually("the process is gone", || !exists(process));
    // It can be started again.
    host.ok("start web");
    assert_eq!(host.inspect("web", "{{.State.Status}} {{.State.Error}}"), "running");
    host.ok("rm -f web");
}

#[test]
fn a_restart_policy_applies_when_the_shim_is_killed() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run -d --name web --restart always {image} sleep 1000"));
    let first = host.pid_of("web");
    kill_process(shim_of(&host, "web"), Signal::KILL).unwrap();
    eventually("it runs again", || {
        host.inspect("web", "{{.State.Running}}") == "true" && host.pid_of("web") != first
    });
    assert_eq!(host.inspect("web", "{{.RestartCount}}"), "1");
    host.ok("rm -f web");
}

#[test]
fn the_next_engine_ends_a_container_whose_shim_was_killed_meanwhile() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run -d --name web {image} sleep 1000"));
    let (process, shim) = (host.pid_of("web"), shim_of(&host, "web"));
    host.kill_engine();
    kill_process(shim, Signal::KILL).unwrap();
    assert_eq!(host.inspect("web", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    eventually("the process is gone", || !exists(process));
    host.ok("rm web");
}

fn findings(outcome: &Outcome) -> Vec<Value> {
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn the_doctor_finds_the_same_with_an_engine_and_without() {
    let host = Host::new();
    let subjects = |found: &[Value]| -> Vec<String> {
        found.iter().map(|one| format!("{}/{}", one["area"], one["subject"])).collect()
    };
    let without = host.berth(["doctor", "--format", "json"]);
    assert_eq!(without.code, Some(0), "{without}");
    assert_eq!(host.engine_pid(), None, "no engine is started for it");
    let alone = findings(&without);
    for area in ["kernel", "cgroups", "storage", "security", "network", "host"] {
        assert!(alone.iter().any(|one| one["area"] == area), "{area}");
    }
    // Each loss says what follows.
    let lost = |one: &&Value| one["verdict"] != "good";
    assert!(alone.iter().filter(lost).all(|one| one["consequence"] != ""), "{without}");
    let image = images::tiny(&host);
    host.ok(&format!("run --rm {image} true"));
    let with = findings(&host.berth(["doctor", "--format", "json"]));
    assert_eq!(subjects(&alone), subjects(&with));
    assert!(host.ok("doctor").contains("overlay"));
}

#[test]
fn the_doctor_names_a_root_where_no_overlay_can_be() {
    let host = Host::new();
    // An overlay's upper directory cannot be on proc, nor anything else.
    let found = Outcome::of(
        host.command(e2e::berth_binary()).args(["doctor", "--format", "json"]).env("BERTH_ROOT", "/proc"),
    );
    assert_eq!(found.code, Some(1), "{found}");
    let overlay = findings(&found).into_iter().find(|one| one["subject"] == "overlay").unwrap();
    assert_eq!(overlay["verdict"], "missing");
    assert_eq!(overlay["consequence"], "containers cannot be started");
}
