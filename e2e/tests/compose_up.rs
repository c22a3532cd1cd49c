//! `up` again, with changes, with other numbers, and `down`: only what has to be done is done.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, eventually, images};
use std::{collections::BTreeMap, path::Path};

const SLEEPERS: &str =
    "services:\n  a: &sleeper {image: tiny, command: [sleep, '1000'], stop_signal: KILL}\n  b: *sleeper\n";

/// Names and ids of all containers.
fn containers(host: &Host) -> BTreeMap<String, String> {
    let text = host.berth(["ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}"]).ok();
    text.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn names(host: &Host) -> Vec<String> {
    containers(host).into_keys().collect()
}

fn up(host: &Host, dir: &Path) -> BTreeMap<String, String> {
    host.compose(dir, "up -d").ok();
    containers(host)
}

#[test]
fn a_second_up_does_nothing_and_a_changed_service_is_recreated_alone() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project("again", SLEEPERS);
    let first = up(&host, &dir);
    assert_eq!(up(&host, &dir), first);
    host.project(
        "again",
        &format!("{SLEEPERS}  c: {{image: tiny, command: [sleep, '7'], stop_signal: KILL}}\n"),
    );
    let grown = up(&host, &dir);
    assert_eq!((&grown["again-a-1"], &grown["again-b-1"]), (&first["again-a-1"], &first["again-b-1"]));
    host.project(
        "again",
        &format!("{SLEEPERS}  c: {{image: tiny, command: [sleep, '8'], stop_signal: KILL}}\n"),
    );
    let changed = up(&host, &dir);
    assert_eq!(changed["again-a-1"], first["again-a-1"]);
    assert_ne!(changed["again-c-1"], grown["again-c-1"]);
    host.compose(&dir, "up -d --force-recreate").ok();
    assert_ne!(containers(&host)["again-a-1"], first["again-a-1"]);
    host.compose(&dir, "down").ok();
    assert!(names(&host).is_empty());
}

#[test]
fn a_changed_image_recreates_what_runs_on_it() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "built",
        "services:\n  web: {build: ., command: [sleep, '1000'], stop_signal: KILL}\n  \
         other: {image: tiny, command: [sleep, '1000'], stop_signal: KILL}\n",
    );
    host.file("built/Dockerfile", "FROM tiny\nRUN echo one > /version\n");
    let first = up(&host, &dir);
    host.file("built/Dockerfile", "FROM tiny\nRUN echo two > /version\n");
    assert_eq!(up(&host, &dir), first, "an image that is there is not built again unless asked for");
    host.compose(&dir, "up -d --build").ok();
    let second = containers(&host);
    assert_eq!(second["built-other-1"], first["built-other-1"]);
    assert_eq!(host.compose(&dir, "exec -T web cat /version").ok(), "two\n");
    host.compose(&dir, "down --rmi local").ok();
    let left = host.ok("images --format {{.Repository}}");
    assert!(!left.contains("built-web") && left.contains("tiny"), "{left}");
}

#[test]
fn services_stand_for_their_containers_where_the_project_is() {
    let host = Host::new();
    images::tiny(&host);
    let dir =
        host.project("here", &format!("{SLEEPERS}  job: {{image: tiny, command: [sh, -c, 'exit 4']}}\n"));
    host.compose(&dir, "up -d").ok();
    let berth = |line: &str| {
        let mut command = host.berth_command(line.split(' '));
        e2e::Outcome::of(command.current_dir(&dir))
    };
    assert_eq!(berth("wait job").ok(), "4\n");
    assert_eq!(berth("rm -f a").ok(), "here-a-1\n");
    assert!(berth("container rm -f b").stderr.contains("No such container: b"));
    assert_eq!(names(&host), ["here-b-1", "here-job-1"]);
    host.compose(&dir, "down -t 0").ok();
}

#[test]
fn replicas_are_added_and_the_newest_removed() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "many",
        "services: {w: {image: tiny, command: [sleep, '1000'], stop_signal: KILL, deploy: {replicas: 2}}}\n",
    );
    let two = up(&host, &dir);
    assert_eq!(names(&host), ["many-w-1", "many-w-2"]);
    host.compose(&dir, "up -d --scale w=4").ok();
    assert_eq!(names(&host), ["many-w-1", "many-w-2", "many-w-3", "many-w-4"]);
    host.compose(&dir, "up -d --scale w=2").ok();
    assert_eq!(containers(&host), two);
    host.compose(&dir, "up -d --scale w=0").ok();
    assert!(names(&host).is_empty());
    host.compose(&dir, "down").ok();
}

#[test]
fn a_changed_network_is_made_anew_and_whatever_else_is_on_it_joins_the_new_one() {
    let host = Host::new();
    let image = images::tiny(&host);
    let file = |subnet: &str| {
        format!(
            "services:\n  a: &sleeper {{image: tiny, command: [sleep, '1000'], stop_signal: KILL, networks: [n]}}\n  \
             b: {{<<: *sleeper, profiles: [more]}}\nnetworks:\n  n: {{ipam: {{config: [{{subnet: {subnet}}}]}}}}\n"
        )
    };
    let dir = host.project("moving", &file("10.71.0.0/24"));
    host.compose(&dir, "--profile more up -d").ok();
    host.ok(&format!("run -d --name guest --network moving_n --ip 10.71.0.77 {image} sleep 1000"));
    let before = containers(&host);
    host.project("moving", &file("10.72.0.0/24"));
    let told = host.compose(&dir, "up -d");
    assert!(told.stderr.contains("guest has another address in moving_n now"), "{told}");
    told.ok();
    let after = containers(&host);
    assert_eq!((&after["moving-b-1"], &after["guest"]), (&before["moving-b-1"], &before["guest"]));
    assert_ne!(after["moving-a-1"], before["moving-a-1"]);
    for container in ["moving-a-1", "moving-b-1", "guest"] {
        let address = host.inspect(container, "{{.NetworkSettings.Networks.moving_n.IPAddress}}");
        assert!(address.starts_with("10.72.0."), "{container}: {address}");
    }
    host.ok("exec guest ping -c 1 -W 5 moving-a-1");
    assert_eq!(up(&host, &dir), after);
    host.ok("rm -f guest");
    host.compose(&dir, "--profile more down -t 0").ok();
}

#[test]
fn orphans_stay_unless_their_removal_is_asked_for() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project("less", SLEEPERS);
    up(&host, &dir);
    host.project("less", "services: {a: {image: tiny, command: [sleep, '1000'], stop_signal: KILL}}\n");
    let warned = host.compose(&dir, "up -d");
    assert!(warned.stderr.contains("less-b-1"), "{warned}");
    assert_eq!(names(&host), ["less-a-1", "less-b-1"]);
    host.compose(&dir, "up -d --remove-orphans").ok();
    assert_eq!(names(&host), ["less-a-1"]);
    host.compose(&dir, "down").ok();
}

#[test]
fn one_offs_are_no_part_of_the_project() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project("once", SLEEPERS);
    let before = up(&host, &dir);
    assert_eq!(host.compose(&dir, "run --rm -T a echo once").ok(), "once\n");
    host.compose(&dir, "run -d --name single a sleep 1000").ok();
    let with: BTreeMap<_, _> = up(&host, &dir).into_iter().filter(|(name, _)| name != "single").collect();
    assert_eq!(with, before);
    assert_eq!(host.inspect("single", "{{.State.Status}}"), "running");
    host.compose(&dir, "kill").ok();
    eventually("the services are killed", || host.ok("ps -q").lines().count() <= 1);
    host.compose(&dir, "down --remove-orphans -t 0").ok();
}
