//! Compose v2 and docker-compose 1.29 against the engine; what they make, `berth` shows, and the other way round.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, client, eventually, images, workspace};
use std::path::{Path, PathBuf};

const FILE: &str = r#"version: "3.4"
services:
  web:
    build: ./web
    ports: ["18080:80"]
    environment: {GREETING: hello}
    depends_on: [db]
  db:
    image: tiny
    command: sh -c 'echo db up; exec sleep 1000'
    stop_grace_period: 1s
    volumes: [data:/data]
    networks: {default: {aliases: [database]}}
volumes: {data: {}}
"#;

const WEB: &str = "FROM tiny\nRUN echo built > /built\nCMD echo web up; exec httpd -f -p 80 -h /\n";

/// A Compose of somebody else's.
struct Foreign<'a> {
    host: &'a Host,
    program: PathBuf,
    project: PathBuf,
    /// Between the parts of a container's name.
    joint: char,
}

impl Foreign<'_> {
    fn run(&self, line: &str) -> Outcome {
        let mut command = self.host.foreign(&self.program);
        Outcome::of(command.args(line.split(' ')).current_dir(&self.project))
    }

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        let outcome = self.run(line);
        let stderr = outcome.stderr.clone();
        outcome.ok() + &stderr
    }

    fn name(&self, service: &str, number: u32) -> String {
        format!("project{joint}{service}{joint}{number}", joint = self.joint)
    }
}

fn project(host: &Host) -> PathBuf {
    host.file("project/web/Dockerfile", WEB);
    host.file("project/docker-compose.yml", FILE).parent().unwrap().to_owned()
}

fn whole_life(program: &Path, joint: char) {
    let host = Host::new();
    images::tiny(&host);
    let compose = Foreign { host: &host, program: program.to_owned(), project: project(&host), joint };
    compose.ok("up -d --build");
    let shown = compose.ok("ps");
    assert!(shown.contains(&compose.name("web", 1)) && shown.contains("18080->80"), "{shown}");
    eventually("both are heard", || {
        let log = compose.ok("logs");
        log.contains("db up") && log.contains("web up")
    });
    assert!(compose.ok("exec -T web cat /built").contains("built"));
    assert!(compose.ok("exec -T web env").contains("GREETING=hello"));
    let ping = compose.ok("exec -T web ping -c 1 -W 5 database");
    assert!(ping.contains("1 packets received"), "{ping}");
    scaled_and_seen_by_berth(&compose);
    compose.ok("restart -t 1");
    compose.ok("stop -t 1");
    compose.ok("start");
    assert!(compose.ok("top").contains("sleep 1000"));
    assert!(compose.ok("port web 80").contains("18080"));
    assert!(compose.ok("run --rm -T db echo once").contains("once"));
    compose.ok("down -v -t 1");
    assert_eq!(host.ok("ps -aq"), "");
    assert_eq!(host.ok("volume ls -q"), "");
    assert_eq!(host.ok("network ls -q --filter type=custom"), "");
}

fn scaled_and_seen_by_berth(compose: &Foreign) {
    compose.ok("up -d --scale db=3");
    let names = compose.host.ok("ps --format {{.Names}}");
    for number in 1..=3 {
        assert!(names.lines().any(|name| name == compose.name("db", number)), "{names}");
    }
    let own = compose.host.compose(&compose.project, "ps --format {{.Name}}").ok();
    assert_eq!(own.lines().count(), 4, "{own}");
    let listed = compose.host.ok("compose ls");
    assert!(listed.contains("project"), "{listed}");
}

#[test]
fn compose_v2_takes_a_project_through_its_life() {
    whole_life(&client("docker-compose"), '-');
}

#[test]
fn compose_v1_takes_a_project_through_its_life() {
    whole_life(Path::new("/usr/bin/docker-compose"), '_');
}

#[test]
fn what_berth_brought_up_compose_v2_shows_and_takes_down() {
    let host = Host::new();
    images::tiny(&host);
    let project = project(&host);
    host.compose(&project, "up -d --build").ok();
    let compose =
        Foreign { host: &host, program: client("docker-compose"), project: project.clone(), joint: '-' };
    let shown = compose.ok("ps");
    assert!(shown.contains("project-web-1") && shown.contains("project-db-1"), "{shown}");
    assert!(compose.ok("ls").contains("running(2)"));
    let inside = compose.ok("exec -T db echo inside");
    assert!(inside.contains("inside"), "{inside}");
    compose.ok("down -v -t 1");
    assert_eq!(host.ok("ps -aq"), "");
    assert_eq!(host.ok("volume ls -q"), "");
}

/// A copy of a stack that Compose 1.29 reads too: it does not know of services that need not be there.
fn for_every_compose(host: &Host, stack: &Path) -> PathBuf {
    let copy = host.dir("redis-cluster");
    for file in ["compose.yaml", ".env", "Dockerfile", "create-cluster", "redis-node"] {
        std::fs::copy(stack.join(file), copy.join(file)).unwrap();
    }
    let text = std::fs::read_to_string(stack.join("compose.yaml")).unwrap();
    let lines = text.lines().filter(|line| !line.contains("required: false"));
    std::fs::write(copy.join("compose.yaml"), lines.map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
    copy
}

/// The Redis Cluster of text 002, brought up by somebody else's Compose.
fn redis_cluster(program: &Path, joint: char) {
    let host = Host::on_root(&images::debian_root());
    let stack = workspace().join("stacks/redis-cluster");
    let copy = for_every_compose(&host, &stack);
    let compose = Foreign { host: &host, program: program.to_owned(), project: copy, joint };
    // The first command of berth's starts the engine.
    assert_eq!(host.ok("ps -aq"), "");
    compose.ok("up -d --build");
    let former = format!("redis-cluster{joint}redis-cluster{joint}1");
    assert_eq!(host.ok(&format!("container wait {former}")), "0");
    assert!(compose.ok("logs redis-cluster").contains("All 16384 slots covered."));
    let state = compose.ok("exec -T redis-1 redis-cli -p 7002 cluster info");
    assert!(state.contains("cluster_known_nodes:6"), "{state}");
    let own = host.compose(&stack, "ps -aq").ok();
    assert_eq!(own.lines().count(), 7, "{own}");
    let shown = compose.ok("ps -a");
    assert!(shown.contains(&format!("redis-cluster{joint}redis-1{joint}1")), "{shown}");
    compose.ok("down -v -t 1");
    assert_eq!(host.ok("ps -aq"), "");
    assert_eq!(host.ok("volume ls -q"), "");
}

#[test]
fn compose_v2_brings_the_redis_cluster_up() {
    redis_cluster(&client("docker-compose"), '-');
}

#[test]
fn compose_v1_brings_the_redis_cluster_up() {
    redis_cluster(Path::new("/usr/bin/docker-compose"), '_');
}
