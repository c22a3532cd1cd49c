//! Mistakes in what a user writes: each is told clearly, and what runs keeps running.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, images};
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
fn an_image_that_is_nowhere_is_named() {
    let busy = Busy::new();
    says(&busy.refused("services:\n  app:\n    image: berth-test/none:1\n"), &["berth-test/none:1"]);
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
fn a_port_of_another_container_is_told_as_such() {
    let busy = Busy::new();
    busy.host.ok("run -d --init --name holder -p 8098:80 tiny sleep 1000");
    let error = busy.host.fails(125, "run --rm -p 8098:80 tiny true");
    says(&error, &["8098/tcp", "the container holder"]);
    busy.untouched();
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
fn messages_say_once_who_speaks() {
    let host = Host::new();
    images::tiny(&host);
    host.ok("run -d --name web tiny sleep 1000");
    assert_eq!(
        host.fails(127, "exec web nothing").trim(),
        "berth: cannot execute a command in the container web: exec: \"nothing\": executable file not found in $PATH"
    );
    let dir = host.project("wrong", "services:\n  a:\n    image: tiny\n    imagee: tiny\n");
    let error = host.compose(&dir, "ps").fails(1);
    assert!(error.starts_with("berth: unknown key `imagee`"), "{error}");
    host.ok("rm -f web");
}

#[test]
fn a_context_that_is_gone_is_explained_and_another_can_be_chosen() {
    let host = Host::new();
    let home = host.dir("home");
    let berth = |line: &str| {
        let mut command = host.berth_command(line.split(' '));
        command.env("HOME", &home).env_remove("XDG_CONFIG_HOME").env_remove("BERTH_RUN");
        Outcome::of(&mut command)
    };
    berth("-H unix:///nowhere.sock context create lab").ok();
    berth("context use lab").ok();
    std::fs::remove_file(home.join(".config/berth/contexts/lab.json")).unwrap();
    let error = berth("ps").fails(1);
    assert!(error.contains("no such context: lab") && error.contains("berth context use default"), "{error}");
    let listed = berth("context ls");
    assert!(listed.stderr.contains("no such context: lab"), "{listed:?}");
    assert!(listed.ok().contains("default"));
    berth("context use default").ok();
    assert_eq!(berth("context show").ok().trim(), "default");
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
