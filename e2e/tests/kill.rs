//! The engine killed with -9 at any moment: containers go on, the next engine adopts them, half-made things are
//! finished or removed; and a machine that restarts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, eventually, images};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

const FOUR: &str = "name: four
x-app: &app
  image: tiny
  command: [sleep, '1000']
  init: true
services:
  a: {<<: *app, volumes: ['data:/d']}
  b: {<<: *app, depends_on: [a], ports: ['8081:80']}
  c: {<<: *app, depends_on: [a], networks: {n: {aliases: [see]}}}
  d: {<<: *app, depends_on: [b, c], networks: [n]}
networks: {n: {}}
volumes: {data: {}}
";

/// How many records an interrupted call is let write before the engine is killed.
const MOMENTS: [usize; 6] = [1, 3, 5, 8, 12, 17];

fn project(host: &Host, yaml: &str) -> PathBuf {
    let file = host.file("project/compose.yaml", yaml);
    file.parent().expect("a file has a parent").to_owned()
}

fn compose(host: &Host, directory: &Path, line: &str) -> Child {
    let mut command = host.berth_command(["compose"]);
    command.args(line.split_whitespace()).current_dir(directory);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("berth can be started")
}

fn records(host: &Host) -> usize {
    std::fs::read(host.root().join("journal"))
        .map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count())
}

/// Starts a compose command and kills the engine when `more` records were written, or the command has ended.
fn interrupted(host: &Host, directory: &Path, line: &str, more: usize) {
    let before = records(host);
    let mut client = compose(host, directory, line);
    eventually("the moment has come", || {
        records(host) >= before + more || client.try_wait().expect("a child can be waited for").is_some()
    });
    host.kill_engine();
    client.wait().expect("the client ends");
}

fn running(host: &Host) -> Vec<String> {
    let listed = host.ok("ps --format {{.Names}} --filter label=com.docker.compose.project=four");
    let mut names: Vec<String> = listed.lines().map(str::to_owned).collect();
    names.sort();
    names
}

const ALL: [&str; 4] = ["four-a-1", "four-b-1", "four-c-1", "four-d-1"];

#[test]
fn an_up_that_is_killed_is_finished_by_the_next() {
    let host = Host::new();
    images::tiny(&host);
    let directory = project(&host, FOUR);
    for more in MOMENTS {
        interrupted(&host, &directory, "up -d", more);
        host.compose(&directory, "up -d").ok();
        assert_eq!(running(&host), ALL, "after a kill at record {more}");
        host.ok("exec four-d-1 nslookup see");
        host.compose(&directory, "down -v").ok();
        assert_eq!(host.ok("ps -aq"), "", "after a kill at record {more}");
        assert_eq!(host.ok("volume ls -q"), "");
    }
}

#[test]
fn a_down_that_is_killed_leaves_nothing_after_the_next() {
    let host = Host::new();
    images::tiny(&host);
    let directory = project(&host, FOUR);
    for more in MOMENTS {
        host.compose(&directory, "up -d").ok();
        interrupted(&host, &directory, "down -v", more);
        host.compose(&directory, "down -v").ok();
        assert_eq!(host.ok("ps -aq"), "", "after a kill at record {more}");
        assert_eq!(host.ok("volume ls -q"), "");
        assert_eq!(host.ok("network ls -q --filter type=custom"), "");
    }
}

#[test]
fn containers_outlive_the_engine() {
    let host = Host::new();
    images::tiny(&host);
    let directory = project(&host, FOUR);
    host.compose(&directory, "up -d").ok();
    let states = || ALL.map(|name| host.inspect(name, "{{.Id}} {{.State.Pid}} {{.State.StartedAt}}"));
    let before = states();
    for _ in 0..3 {
        host.kill_engine();
        assert_eq!(states(), before);
    }
    let adopted: u32 = host.pid_of("four-a-1");
    host.kill_engine();
    kill(adopted);
    eventually("the death without an engine is known", || {
        host.inspect("four-a-1", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"
    });
    host.compose(&directory, "up -d").ok();
    assert_eq!(running(&host), ALL);
    host.compose(&directory, "down -v").ok();
}

#[test]
fn a_restarted_machine_brings_its_projects_back() {
    let host = Host::new();
    images::tiny(&host);
    let yaml = FOUR
        .replace("init: true", "init: true\n  restart: always")
        .replace("d: {<<: *app,", "d: {<<: *app, restart: 'no',");
    let directory = project(&host, &yaml);
    host.compose(&directory, "up -d").ok();
    host.ok("exec four-a-1 touch /d/kept");
    let pids = ALL.map(|name| host.pid_of(name));
    host.power_off();
    let runs = |name: &&str| host.inspect(name, "{{.State.Status}}") == "running";
    eventually("those with a restart policy run again", || ALL[..3].iter().all(runs));
    assert_eq!(host.inspect("four-d-1", "{{.State.Status}}"), "exited");
    assert!(ALL[..3].iter().zip(pids).all(|(name, old)| host.pid_of(name) != old));
    assert_eq!(host.ok("exec four-a-1 ls /d"), "kept");
    host.ok("exec four-c-1 nslookup see");
    host.compose(&directory, "down -v").ok();
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
