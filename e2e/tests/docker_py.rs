//! Clients for Python against the engine: docker-py's whole client, Testcontainers, and what editors do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, client, images, workspace};

/// Runs one of our modules in the environment that `scripts/clients` has made.
fn python(module: &str) {
    let host = Host::new();
    images::tiny(&host);
    let mut command = host.foreign(client("python/bin/python"));
    let outcome = Outcome::of(command.arg(workspace().join("e2e/clients").join(module)));
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn docker_py_goes_through_its_whole_client() {
    python("docker_py.py");
}

#[test]
fn testcontainers_starts_and_removes_containers() {
    python("testcontainers_py.py");
}

#[test]
fn an_editor_finds_its_container_and_opens_a_terminal_in_it() {
    python("editor_like.py");
}
