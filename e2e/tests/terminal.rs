//! Terminals and what operators do at them: interactive sessions, following, copying, watching, the foreground of `up`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, Pty, eventually, images};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::PathBuf,
    process::Stdio,
};

const SIZE: (u16, u16) = (30, 100);

#[test]
fn a_terminals_size_follows_the_users_and_its_mode_comes_back() {
    let host = Host::new();
    let image = images::tiny(&host);
    let line = "stty size; trap 'stty size; exit 7' WINCH; echo ready; while :; do sleep 0.1; done";
    let mut pty = Pty::berth_with(&host, &["run", "-it", "--rm", image, "sh", "-c", line], SIZE);
    let before = pty.settings();
    pty.expect("30 100");
    pty.expect("ready");
    assert!(pty.is_raw(), "keys go to the container as they are");
    pty.resize(41, 123);
    pty.expect("41 123");
    assert_eq!(pty.end().0, Some(7), "the exit code is the container's");
    assert_eq!(format!("{:?}", pty.settings()), format!("{before:?}"), "the terminal is as it was");
}

#[test]
fn who_detaches_leaves_the_container_running_and_comes_back_by_attach() {
    let host = Host::new();
    let image = images::tiny(&host);
    let mut pty = Pty::berth(&host, &format!("run -it --name shell {image} sh"), SIZE);
    pty.send("echo first $((40 + 2))\n");
    pty.expect("first 42");
    pty.send("\x10\x11");
    assert_eq!(pty.end().0, Some(0));
    assert!(!pty.is_raw(), "the terminal is the user's again");
    assert_eq!(host.inspect("shell", "{{.State.Status}}"), "running");

    let mut again = Pty::berth(&host, "attach shell", (20, 60));
    again.send("stty size; echo second $((40 + 3))\n");
    again.expect("20 60");
    again.expect("second 43");
    again.send("exit 4\n");
    assert_eq!(again.end().0, Some(4));
    assert_eq!(host.inspect("shell", "{{.State.ExitCode}}"), "4");
}

#[test]
fn exec_has_a_terminal_of_its_own() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run -d --name web {image} sleep 1000"));
    let mut pty = Pty::berth(&host, "exec -it --detach-keys ctrl-a,x web sh", SIZE);
    pty.send("stty size\n");
    pty.expect("30 100");
    pty.resize(25, 80);
    // The shell reads the size when it is asked to.
    let mut typed = false;
    eventually("the new size has arrived", || {
        if typed {
            let before = pty.expect("end");
            typed = false;
            return before.contains("25 80");
        }
        pty.send("stty size; echo e''nd\n");
        typed = true;
        false
    });
    pty.send("exit 9\n");
    assert_eq!(pty.end().0, Some(9));

    let mut left = Pty::berth(&host, "exec -it --detach-keys ctrl-a,x web sh", SIZE);
    left.send("echo up $((1 + 1))\n");
    left.expect("up 2");
    left.send("\x01x");
    assert_eq!(left.end().0, Some(0));
    let without = host.berth(["exec", "-it", "web", "sh"]);
    assert!(without.clone().fails(1).contains("not a TTY"), "{without}");
    host.ok("kill web");
}

#[test]
fn following_a_log_ends_with_its_container() {
    let host = Host::new();
    let image = images::tiny(&host);
    let line = "echo begun; until [ -e /go ]; do sleep 0.05; done; echo ended";
    host.berth(["run", "-d", "--name", "job", image, "sh", "-c", line]).ok();
    let mut logs = host.spawn(["logs", "-f", "job"]);
    let mut lines = BufReader::new(logs.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begun");
    host.ok("exec job touch /go");
    assert_eq!(lines.next().unwrap().unwrap(), "ended");
    assert!(lines.next().is_none(), "the log ends");
    assert_eq!(logs.wait().unwrap().code(), Some(0));
}

#[test]
fn stats_are_shown_once_and_limits_can_be_changed() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run -d --name web -m 64m --memory-swap 64m {image} sleep 1000"));
    let table = host.ok("stats --no-stream web");
    let heading = table.lines().next().unwrap_or_default();
    for column in ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "NET I/O", "BLOCK I/O", "PIDS"] {
        assert!(heading.contains(column), "{table}");
    }
    let usage = |host: &Host| {
        host.berth(["stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}", "web"]).ok()
    };
    assert!(usage(&host).starts_with("web ") && usage(&host).contains("/ 64MiB 1"), "{}", usage(&host));
    host.ok("update -m 96m --memory-swap 96m --cpus 0.5 --restart on-failure:3 web");
    assert!(usage(&host).contains("/ 96MiB"), "{}", usage(&host));
    assert_eq!(
        host.inspect("web", "{{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}"),
        "500000000 3"
    );
    host.ok("kill web");
}

#[test]
fn events_are_filtered_whether_they_have_been_or_come() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run --name one -l tier=front {image} true"));
    let three = host.berth(["run", "--name", "two", image, "sh", "-c", "exit 3"]);
    three.fails(3);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 1;
    let past = |filters: &[&str]| {
        let until = now.to_string();
        let format = "{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}";
        let fixed = ["events", "--since", "1", "--until", &until, "--format", format];
        let filters = filters.iter().flat_map(|filter| ["--filter", filter]);
        host.berth(fixed.into_iter().chain(filters)).ok()
    };
    assert_eq!(past(&["event=die", "container=two"]), "die two 3\n");
    assert_eq!(past(&["event=die", "label=tier=front"]), "die one 0\n");
    assert_eq!(past(&["event=die", "type=network"]), "");

    let mut live = host.spawn([
        "events",
        "--since",
        &now.to_string(),
        "--filter",
        "event=start",
        "--format",
        "{{.Actor.Attributes.name}}",
    ]);
    let mut lines = BufReader::new(live.stdout.take().unwrap()).lines();
    host.ok(&format!("run --name three {image} true"));
    // Those before are in the past of `--since` or are told first.
    while lines.next().unwrap().unwrap() != "three" {}
    live.kill().unwrap();
    live.wait().unwrap();
}

#[test]
fn files_are_copied_in_and_out() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("run -d --name web {image} sleep 1000"));
    let site = host.file("site/index", "hello\n").parent().unwrap().display().to_string();
    host.ok(&format!("cp {site} web:/srv"));
    assert_eq!(host.ok("exec web cat /srv/index"), "hello");
    host.ok(&format!("cp {site} web:/srv"));
    assert_eq!(host.ok("exec web cat /srv/site/index"), "hello", "into a directory that is there");
    host.ok(&format!("cp {site}/. web:/tmp"));
    assert_eq!(host.ok("exec web cat /tmp/index"), "hello", "what a directory holds");
    host.ok(&format!("cp {site}/index web:/tmp/renamed"));

    let out = host.dir("out").display().to_string();
    host.ok(&format!("cp web:/tmp/renamed {out}"));
    host.ok(&format!("cp web:/tmp/renamed {out}/again"));
    host.ok(&format!("cp web:/srv {out}/new"));
    let read = |path: &str| std::fs::read_to_string(format!("{out}/{path}")).unwrap();
    assert_eq!(
        (read("renamed"), read("again"), read("new/site/index")),
        ("hello\n".into(), "hello\n".into(), "hello\n".into())
    );

    let refused = host.fails(1, &format!("cp {site} web:/tmp/renamed"));
    assert!(refused.contains("which is a file"), "{refused}");
    let missing = host.fails(1, &format!("cp {site}/index web:/none/"));
    assert!(missing.contains("/none/"), "{missing}");
    assert!(host.fails(1, "cp web:/none .").contains("/none"));
    assert!(host.fails(1, "cp none:/x .").contains("No such container"));
}

#[test]
fn archives_are_copied_through_standard_streams() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok(&format!("create --name one {image} true"));
    host.ok(&format!("create --name two {image} true"));
    let file = host.file("file", "kept\n").display().to_string();
    host.ok(&format!("cp {file} one:/root/file"));
    let mut from = host.berth_command(["cp", "one:/root", "-"]);
    let mut from = from.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut archive = Vec::new();
    from.stdout.take().unwrap().read_to_end(&mut archive).unwrap();
    assert_eq!(from.wait().unwrap().code(), Some(0));
    let mut to = host.spawn(["cp", "-", "two:/tmp"]);
    to.stdin.take().unwrap().write_all(&archive).unwrap();
    assert_eq!(to.wait().unwrap().code(), Some(0));
    let out = host.dir("out").display().to_string();
    host.ok(&format!("cp two:/tmp/root/file {out}"));
    assert_eq!(std::fs::read_to_string(format!("{out}/file")).unwrap(), "kept\n");
}

const PROJECT: &str = r#"
name: shop
services:
  db: {image: tiny, command: [sh, -c, "trap 'echo db ends; exit 0' TERM; echo db begins; while :; do sleep 0.1; done"]}
  web:
    image: tiny
    depends_on: [db]
    command: [sh, -c, "trap 'echo web ends; exit 0' TERM; echo web begins; while :; do sleep 0.1; done"]
"#;

const STUBBORN: &str = r#"
name: stubborn
services:
  deaf:
    image: tiny
    stop_grace_period: 1h
    command: [sh, -c, "trap '' TERM; echo deaf begins; while :; do sleep 0.1; done"]
"#;

const TEST_RUN: &str = r#"
name: testrun
services:
  prepare: {image: tiny, command: ["true"]}
  server: {image: tiny, command: [sleep, "1000"], stop_signal: KILL}
  test:
    image: tiny
    command: [sh, -c, "echo tested; exit 6"]
    depends_on: {prepare: {condition: service_completed_successfully}, server: {condition: service_started}}
"#;

fn project(host: &Host, name: &str, text: &str) -> PathBuf {
    images::tiny(host);
    let file = host.file(&format!("{name}/compose.yaml"), text);
    file.parent().unwrap().to_owned()
}

fn up(host: &Host, directory: &std::path::Path) -> Pty {
    Pty::berth(host, &format!("-f {}/compose.yaml up", directory.display()), SIZE)
}

#[test]
fn interrupting_the_foreground_stops_services_in_order() {
    let host = Host::new();
    let directory = project(&host, "shop", PROJECT);
    let mut pty = up(&host, &directory);
    pty.expect("web begins");
    pty.send("\x03");
    pty.expect("web ends");
    pty.expect("db ends");
    assert_eq!(pty.end().0, Some(130));
    let states = host.compose(&directory, "ps -a --format {{.Service}}:{{.State}}:{{.ExitCode}}").ok();
    assert_eq!(states, "db:exited:0\nweb:exited:0\n");
    host.compose(&directory, "down").ok();
}

#[test]
fn interrupting_twice_kills() {
    let host = Host::new();
    let directory = project(&host, "stubborn", STUBBORN);
    let mut pty = up(&host, &directory);
    pty.expect("deaf begins");
    pty.send("\x03");
    pty.expect("Stopping");
    pty.send("\x03");
    assert_eq!(pty.end().0, Some(130));
    assert_eq!(host.inspect("stubborn-deaf-1", "{{.State.ExitCode}}"), "137");
    host.compose(&directory, "down").ok();
}

#[test]
fn the_foreground_ends_with_the_test_and_takes_its_exit_code() {
    let host = Host::new();
    let directory = project(&host, "testrun", TEST_RUN);
    let tested = host.compose(&directory, "up --exit-code-from test --attach test --no-log-prefix");
    assert_eq!((tested.code, tested.stdout.as_str()), (Some(6), "tested\n"), "{tested}");
    assert_eq!(host.inspect("testrun-server-1", "{{.State.Running}}"), "false");
    let aborted = host.compose(&directory, "up --abort-on-container-exit");
    assert_eq!(aborted.code, Some(6), "{aborted}");
    host.compose(&directory, "down").ok();
}

#[test]
fn one_off_containers_of_a_service_have_their_own_exit_code() {
    let host = Host::new();
    let directory = project(&host, "shop", PROJECT);
    let run = |arguments: &[&str]| {
        let mut command = host.berth_command(["compose", "run", "--rm", "-T"]);
        Outcome::of(command.args(arguments).current_dir(&directory))
    };
    let outcome = run(&[
        "-e",
        "GREETING=hello",
        "-w",
        "/tmp",
        "-u",
        "www",
        "web",
        "sh",
        "-c",
        "echo $GREETING $(pwd) $(id -u); exit 5",
    ]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(5), "hello /tmp 33\n"), "{outcome}");
    assert_eq!(host.compose(&directory, "ps --services").ok(), "db\n", "what it depends on runs, it is gone");
    let alone = run(&["--no-deps", "--entrypoint", "echo 'one word'", "web", "two"]);
    assert_eq!(alone.stdout, "one word two\n", "{alone}");
    host.compose(&directory, "down").ok();
}
