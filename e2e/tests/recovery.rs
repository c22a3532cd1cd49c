//! What the next engine makes of what a killed one left.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, eventually, images};

const PROJECT: &str = "
services:
  web:
    image: tiny
    command: [sh, -c, 'mkdir -p /w && echo served > /w/i && exec httpd -f -p 80 -h /w']
    restart: always
    ports: ['8080:80']
  other:
    image: tiny
    command: [sleep, '1000']
    restart: unless-stopped
  stopped:
    image: tiny
    command: [sleep, '1000']
    restart: unless-stopped
";

fn fetch(host: &Host) -> Outcome {
    let mut curl = host.command("curl");
    Outcome::of(curl.args(["-sS", "--max-time", "5", "http://127.0.0.1:8080/i"]))
}

#[test]
fn projects_come_back_by_themselves_after_a_reboot() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.file("shop/compose.yaml", PROJECT).parent().unwrap().to_owned();
    host.compose(&dir, "up -d").ok();
    host.compose(&dir, "stop stopped").ok();
    host.power_off();
    host.ok("ps");
    eventually("the project runs again", || {
        let running = host.ok("ps --format {{.Names}}");
        running.contains("shop-web-1") && running.contains("shop-other-1")
    });
    assert!(!host.ok("ps --format {{.Names}}").contains("stopped"));
    eventually("its port leads to it", || fetch(&host).stdout == "served\n");
    let found = host.berth(["exec", "shop-other-1", "wget", "-q", "-O", "-", "http://web/i"]).ok();
    assert_eq!(found, "served\n");
    host.compose(&dir, "down").ok();
}

#[test]
fn an_up_that_is_killed_while_it_builds_is_finished_by_the_next_engine() {
    let host = Host::new();
    images::tiny(&host);
    let file = host.file("shop/compose.yaml", "services: {web: {build: ., command: [sleep, '1000']}}");
    host.file("shop/Dockerfile", "FROM tiny\nRUN sleep 3; echo made > /made\n");
    let dir = file.parent().unwrap().to_owned();
    let mut up = host.berth_command(["compose", "up", "-d"]);
    let mut up = up.current_dir(&dir).spawn().unwrap();
    eventually("the build has begun", || host.has_process("sleep 3"));
    host.kill_engine();
    assert!(!up.wait().unwrap().success(), "the client is told that the engine went away");
    host.ok("ps");
    eventually("the next engine finishes", || host.ok("ps --format {{.Names}}").contains("shop-web-1"));
    assert_eq!(host.ok("exec shop-web-1 cat /made"), "made");
    host.compose(&dir, "down").ok();
}

#[test]
fn processes_of_a_killed_shim_are_ended_by_the_next_engine() {
    let host = Host::new();
    let image = images::tiny(&host);
    // It changes its user, so that the kernel does not end it with its shim.
    let line = "adduser -D -H me 2>/dev/null; exec su -s /bin/sh www -c 'exec sleep 4321'";
    host.berth(["run", "-d", "--name", "web", image, "sh", "-c", line]).ok();
    eventually("it runs", || host.has_process("sleep 4321"));
    host.kill_engine();
    host.kill_shims();
    host.ok("ps");
    eventually("what was left is ended", || !host.has_process("sleep 4321"));
    assert_eq!(host.inspect("web", "{{.State.Status}}"), "exited");
    host.ok("rm web");
}
