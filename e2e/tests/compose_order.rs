//! The order of a project: conditions of `depends_on`, health, restart policies, and waiting for all of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, eventually, images};

const CONDITIONS: &str = r#"
services:
  prepare: {image: tiny, command: [sh, -c, "echo made > /shared/file"], volumes: ["shared:/shared"]}
  database:
    image: tiny
    command: [sh, -c, "until [ -e /shared/go ]; do sleep 0.05; done; touch /healthy; sleep 1000"]
    volumes: ["shared:/shared"]
    healthcheck: {test: [CMD, test, -e, /healthy], interval: 100ms, retries: 1000}
    depends_on: {prepare: {condition: service_completed_successfully}}
  opener:
    image: tiny
    command: [sh, -c, "touch /shared/go; sleep 1000"]
    volumes: ["shared:/shared"]
    depends_on: {prepare: {condition: service_completed_successfully}}
  web:
    image: tiny
    command: [sh, -c, "cat /shared/file /shared/go; sleep 1000"]
    volumes: ["shared:/shared"]
    depends_on:
      database: {condition: service_healthy}
      opener: {condition: service_started}
volumes: {shared: {}}
"#;

/// `2026-01-02T03:04:05.…Z`, which sorts as text.
fn moment(host: &Host, container: &str, field: &str) -> String {
    host.inspect(container, &format!("{{{{.State.{field}}}}}"))
}

#[test]
fn services_start_when_what_they_depend_on_has_come_so_far() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project("order", CONDITIONS);
    host.compose(&dir, "up -d").ok();
    assert_eq!(host.inspect("order-prepare-1", "{{.State.Status}} {{.State.ExitCode}}"), "exited 0");
    assert!(moment(&host, "order-prepare-1", "FinishedAt") <= moment(&host, "order-database-1", "StartedAt"));
    assert!(moment(&host, "order-opener-1", "StartedAt") <= moment(&host, "order-web-1", "StartedAt"));
    assert_eq!(host.inspect("order-database-1", "{{.State.Health.Status}}"), "healthy");
    eventually("it read what was prepared", || host.ok("logs order-web-1") == "made");
    host.compose(&dir, "down -v -t 0").ok();
}

#[test]
fn a_dependency_that_fails_stops_what_depends_on_it_and_is_named() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "failing",
        "services:\n  first: {image: tiny, command: [sh, -c, 'exit 5']}\n  \
         second: {image: tiny, command: [sleep, '1000'], depends_on: {first: {condition: service_completed_successfully}}}\n  \
         apart: {image: tiny, command: [sleep, '1000']}\n",
    );
    let error = host.compose(&dir, "up -d").fails(1);
    assert!(error.contains("first") && error.contains('5'), "{error}");
    assert_ne!(host.inspect("failing-second-1", "{{.State.Status}}"), "running");
    assert_eq!(host.inspect("failing-apart-1", "{{.State.Status}}"), "running");
    host.compose(&dir, "down -t 0").ok();
}

#[test]
fn a_dependency_that_never_gets_healthy_is_named() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "sick",
        "services:\n  db:\n    image: tiny\n    command: [sleep, '1000']\n    \
         healthcheck: {test: [CMD, 'false'], interval: 50ms, retries: 2}\n  \
         web: {image: tiny, command: [sleep, '1000'], depends_on: {db: {condition: service_healthy}}}\n",
    );
    let error = host.compose(&dir, "up -d").fails(1);
    assert!(error.contains("db") && error.contains("unhealthy"), "{error}");
    host.compose(&dir, "down -t 0").ok();
}

#[test]
fn waiting_ends_when_all_are_healthy_or_fails() {
    let host = Host::new();
    images::tiny(&host);
    let service =
        "services:\n  web:\n    image: tiny\n    command: [sh, -c, 'sleep 0.3; touch /ok; sleep 1000']\n    ";
    let check = "healthcheck: {test: [CMD, test, -e, /ok], interval: 50ms, retries: 1000}\n";
    let dir = host.project("waiting", &format!("{service}{check}"));
    host.compose(&dir, "up -d --wait").ok();
    assert_eq!(host.inspect("waiting-web-1", "{{.State.Health.Status}}"), "healthy");
    let never = "healthcheck: {test: [CMD, 'false'], interval: 50ms, retries: 2}\n";
    let dir = host.project("ending", &format!("{service}{never}"));
    let error = host.compose(&dir, "up -d --wait").fails(1);
    assert!(error.contains("web") && error.contains("unhealthy"), "{error}");
    host.compose(&dir, "down -t 0").ok();
}

#[test]
fn waiting_fails_for_what_ends_at_once_unless_it_has_done_its_work() {
    let host = Host::new();
    images::tiny(&host);
    let file = |web: &str, job: &str| {
        format!(
            "services:\n  web:\n    image: tiny\n    command: [sh, -c, '{web}']\n  \
             job:\n    image: tiny\n    command: [sh, -c, '{job}']\n"
        )
    };
    let dir = host.project("short", &file("sleep 0.1; exit 3", "true"));
    let error = host.compose(&dir, "up -d --wait").fails(1);
    assert!(error.contains("short-web-1") && error.contains("has exited with 3"), "{error}");
    let dir = host.project("short", &file("sleep 1000", "sleep 0.1; exit 0"));
    host.compose(&dir, "up -d --wait").ok();
    assert_eq!(host.inspect("short-web-1", "{{.State.Status}}"), "running");
    host.compose(&dir, "down -t 0").ok();
}

#[test]
fn restart_policies_do_as_they_say() {
    let host = Host::new();
    images::tiny(&host);
    let dir = host.project(
        "policies",
        "services:\n  never: {image: tiny, command: [sh, -c, 'exit 1']}\n  \
         failing: {image: tiny, command: [sh, -c, 'exit 1'], restart: 'on-failure:2'}\n  \
         clean: {image: tiny, command: ['true'], restart: on-failure}\n  \
         always: {image: tiny, command: ['true'], restart: always}\n",
    );
    host.compose(&dir, "up -d").ok();
    let count = |name: &str| host.inspect(&format!("policies-{name}-1"), "{{.RestartCount}}");
    eventually("one is started again for good", || count("always").parse::<u32>().unwrap() >= 2);
    eventually("one is started again twice", || count("failing") == "2");
    eventually("it then stays", || {
        host.inspect("policies-failing-1", "{{.State.Status}} {{.State.ExitCode}}") == "exited 1"
    });
    assert_eq!((count("never"), count("clean")), ("0".to_owned(), "0".to_owned()));
    host.compose(&dir, "down -t 0").ok();
}
