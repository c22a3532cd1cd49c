//! Health checks of running containers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, eventually, images};

#[test]
fn a_check_that_takes_too_long_ends_with_all_it_has_started() {
    let host = Host::new();
    let image = images::tiny(&host);
    let check = "--health-cmd=sleep 1234 & sleep 1234 | sleep 1234";
    let flags = ["--health-interval=50ms", "--health-timeout=300ms", "--health-retries=1"];
    let start = ["run", "-d", "--name", "web", check];
    let line: Vec<&str> = start.into_iter().chain(flags).chain([image, "sleep", "1000"]).collect();
    host.berth(line).ok();
    eventually("the check has failed", || host.inspect("web", "{{.State.Health.Status}}") == "unhealthy");
    let log = host.inspect("web", "{{json .State.Health.Log}}");
    assert!(log.contains("exceeded timeout"), "{log}");
    // One check at a time: no more than the processes of the one that runs now.
    let lines = host.ok("top web").lines().filter(|line| line.contains("sleep 1234")).count();
    assert!(lines <= 4, "{}", host.ok("top web"));
    host.ok("rm -f web");
}
