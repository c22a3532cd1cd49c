//! `run` and what is done with containers afterwards: exit codes, output, stopping, volumes, removal.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, eventually, images};

#[test]
fn a_command_runs_and_its_exit_code_is_the_clients() {
    let host = Host::new();
    let image = images::tiny(&host);
    assert_eq!(host.ok(&format!("run --rm {image} echo hello")), "hello");
    let exit = host.berth(["run", "--rm", image, "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((exit.code, exit.stdout.as_str(), exit.stderr.as_str()), (Some(7), "out\n", "err\n"));
    eventually("the containers are gone", || host.ok("ps -aq").is_empty());
}

#[test]
fn what_cannot_be_started_has_dockers_exit_codes() {
    let host = Host::new();
    let image = images::tiny(&host);
    let missing = host.fails(127, &format!("run --rm {image} no-such-program"));
    assert!(missing.contains("no-such-program"), "{missing}");
    let not_executable = host.fails(126, &format!("run --rm {image} /etc/passwd"));
    assert!(not_executable.contains("/etc/passwd"), "{not_executable}");
    let unknown = host.fails(125, "run --rm no-such-image true");
    assert!(unknown.contains("no-such-image"), "{unknown}");
}

#[test]
fn a_container_goes_through_its_life() {
    let host = Host::new();
    let image = images::tiny(&host);
    let line = "echo begun; trap 'exit 3' TERM; while :; do sleep 0.1; done";
    let id = host.berth(["run", "-d", "--name", "web", image, "sh", "-c", line]).ok();
    assert_eq!(id.trim_end().len(), 64, "{id}");
    eventually("its output is logged", || host.ok("logs web") == "begun");
    assert_eq!(host.inspect("web", "{{.State.Status}}"), "running");
    host.ok("stop web");
    assert_eq!(host.inspect("web", "{{.State.ExitCode}}"), "3");
    host.ok("start web");
    eventually("its second output is logged", || host.ok("logs web") == "begun\nbegun");
    let refused = host.berth(["rm", "web"]);
    assert_ne!(refused.code, Some(0), "{refused}");
    host.ok("rm -f web");
    assert_eq!(host.ok("ps -aq"), "");
}

#[test]
fn volumes_outlive_containers() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.berth(["run", "--rm", "-v", "data:/d", image, "sh", "-c", "echo kept > /d/file"]).ok();
    assert_eq!(host.ok(&format!("run --rm -v data:/d {image} cat /d/file")), "kept");
    let bound = host.file("bound/file", "of the host\n");
    let source = format!("{}:/b:ro", bound.parent().expect("a file has a parent").display());
    assert_eq!(host.berth(["run", "--rm", "-v", &source, image, "cat", "/b/file"]).ok(), "of the host\n");
    let refused = host.berth(["run", "--rm", "-v", &source, image, "touch", "/b/new"]);
    assert_ne!(refused.code, Some(0), "{refused}");
    host.ok("volume rm data");
}
