//! Mistakes in what a user writes: each is told clearly, and what runs keeps running.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, images};
use std::path::Path;

/// A host on which a project runs that no mistake may touch.
struct Busy {
    host: Host,
    started: String,
}

impl Busy {
    fn new() -> Self {
        let host = Host::new();
        images::tiny(&host);
        let good = "services:\n  app:\n    image: tiny\n    command: [sleep, '1000']\n    init: true\n";
        let file = host.file("good/compose.yaml", good);
        host.compose(directory(&file), "up -d").ok();
        let started = host.inspect("good-app-1", "{{.State.StartedAt}}");
        Self { host, started }
    }

    /// `up` of a compose file must fail; its error, which names the file.
    #[track_caller]
    fn refused(&self, yaml: &str) -> String {
        let file = self.host.file("bad/compose.yaml", yaml);
        let error = self.host.compose(directory(&file), "up -d").fails(1);
        self.untouched();
        error
    }

    #[track_caller]
    fn untouched(&self) {
        assert_eq!(self.host.inspect("good-app-1", "{{.State.StartedAt}}"), self.started);
        assert_eq!(self.host.inspect("good-app-1", "{{.State.Status}}"), "running");
        let others = self.host.ok("ps -aq --filter label=com.docker.compose.project=bad");
        assert_eq!(others, "", "containers of a refused project");
    }
}

fn directory(file: &Path) -> &Path {
    file.parent().expect("a file has a parent")
}

#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "no {part:?} in:\n{error}");
    }
}

const SLEEPER: &str = "image: tiny\n    command: [sleep, '1000']\n    init: true\n";

fn service(rest: &str) -> String {
    format!("services:\n  app:\n    {SLEEPER}{rest}")
}

#[test]
fn a_file_that_is_wrong_is_shown_with_its_line() {
    let busy = Busy::new();
    says(&busy.refused("services:\n  app: [\n"), &["compose.yaml:"]);
    says(&busy.refused(&service("    imagee: x\n")), &["compose.yaml:6:", "imagee", "image"]);
    says(&busy.refused(&service("    privileged: 7\n")), &["compose.yaml:6:", "privileged"]);
    says(
        &busy.refused(&service("    user: ${NOBODY:?say who}\n")),
        &["compose.yaml:6:", "NOBODY", "say who"],
    );
}

#[test]
fn what_goes_in_circles_is_shown_as_a_circle() {
    let busy = Busy::new();
    let depends = format!(
        "services:\n  a:\n    {SLEEPER}    depends_on: [b]\n  b:\n    {SLEEPER}    depends_on: [a]\n"
    );
    says(&busy.refused(&depends), &["compose.yaml:", "a", "b", "depends_on"]);
    let extends =
        "services:\n  a:\n    extends: {service: b}\n    image: tiny\n  b:\n    extends: {service: a}\n";
    says(&busy.refused(extends), &["compose.yaml:", "extends"]);
    busy.host.file("bad/other.yaml", "include: [compose.yaml]\nservices: {}\n");
    says(
        &busy.refused("include: [other.yaml]\nservices:\n  a:\n    image: tiny\n"),
        &["include", "other.yaml", "compose.yaml"],
    );
}

#[test]
fn what_is_missing_is_named() {
    let busy = Busy::new();
    says(&busy.refused(&service("    networks: [nowhere]\n")), &["compose.yaml:6:", "nowhere", "network"]);
    says(&busy.refused(&service("    volumes: ['nothing:/d']\n")), &["compose.yaml:6:", "nothing", "volume"]);
    says(&busy.refused(&service("    secrets: [key]\n")), &["compose.yaml:6:", "key", "secret"]);
    let no_file = service("    secrets: [key]\nsecrets:\n  key:\n    file: ./key.txt\n");
    says(&busy.refused(&no_file), &["key.txt"]);
    says(&busy.refused(&service("    env_file: ./missing.env\n")), &["compose.yaml:6:", "missing.env"]);
    let image = "services:\n  app:\n    image: berth-test/none:1\n";
    says(&busy.refused(image), &["berth-test/none:1"]);
}

#[test]
fn a_port_that_is_taken_is_named_before_anything_starts() {
    let busy = Busy::new();
    let mut holder = busy.host.command("socat");
    let mut holder =
        holder.args(["-u", "TCP-LISTEN:8099,fork", "OPEN:/dev/null"]).spawn().expect("socat is installed");
    let listening = || {
        let mut ss = busy.host.command("ss");
        e2e::Outcome::of(ss.args(["-ltnH"])).ok().contains(":8099")
    };
    e2e::eventually("the port is taken", listening);
    let two = format!("{}  other:\n    {SLEEPER}", service("    ports: ['8099:80']\n"));
    let error = busy.refused(&two);
    holder.kill().expect("socat can be killed");
    holder.wait().expect("socat ends");
    says(&error, &["8099", "app"]);
}

#[test]
fn addresses_and_subnets_that_cannot_be_are_named() {
    let busy = Busy::new();
    let network = |address: &str, subnet: &str| {
        service(&format!(
            "    networks: {{n: {{ipv4_address: {address}}}}}\nnetworks:\n  n:\n    ipam: {{config: [{{subnet: {subnet}}}]}}\n"
        ))
    };
    says(&busy.refused(&network("10.77.9.9", "10.77.1.0/24")), &["10.77.9.9", "10.77.1.0/24"]);
    let ip = |words: &str| {
        let mut ip = busy.host.command("ip");
        e2e::Outcome::of(ip.args(words.split_whitespace())).ok();
    };
    ip("link add seventy type veth peer name seventy-peer");
    ip("addr add 10.70.0.1/24 dev seventy");
    ip("link set seventy up");
    says(&busy.refused(&network("10.70.0.9", "10.70.0.0/24")), &["10.70.0.0/24", "seventy"]);
    ip("link del seventy");
    busy.host.ok("network create --subnet 10.78.0.0/24 shared");
    busy.host.ok("run -d --init --name holder --network shared --ip 10.78.0.9 tiny sleep 1000");
    let taken = service(
        "    networks: {n: {ipv4_address: 10.78.0.9}}\nnetworks:\n  n: {external: true, name: shared}\n",
    );
    says(&busy.refused(&taken), &["10.78.0.9"]);
}

#[test]
fn a_command_that_cannot_run_is_named() {
    let busy = Busy::new();
    let bad = |command: &str| {
        let yaml = format!("services:\n  app:\n    image: tiny\n    command: [{command}]\n");
        let file = busy.host.file("bad/compose.yaml", &yaml);
        let error = busy.host.compose(directory(&file), "up -d").fails(1);
        busy.host.compose(directory(&file), "down").ok();
        busy.untouched();
        error
    };
    says(&bad("no-such-program"), &["app", "no-such-program"]);
    says(&bad("/etc/passwd"), &["app", "/etc/passwd", "ermission"]);
}

#[test]
fn a_dockerfile_that_is_wrong_is_shown_with_its_line() {
    let busy = Busy::new();
    busy.host.file("bad/Dockerfile", "FROM tiny\nRUN true\nRUNN false\n");
    let error = busy.refused("services:\n  app:\n    build: .\n");
    says(&error, &["Dockerfile:3", "RUNN false"]);
    busy.host.file("bad/Dockerfile", "FROM tiny\nRUN echo because >&2; exit 4\n");
    let error = busy.refused("services:\n  app:\n    build: .\n");
    says(&error, &["Dockerfile:2", "because", "4"]);
}
