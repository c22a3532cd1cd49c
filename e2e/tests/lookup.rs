//! The stack of text 001, for real: filled, loaded, broken in the middle of the load, and counted.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, eventually_within, images, workspace};
use std::{path::PathBuf, time::Duration};

const LONG: Duration = Duration::from_secs(240);

fn stack() -> PathBuf {
    workspace().join("stacks/lookup")
}

/// The name of a service's container.
fn container(service: &str) -> String {
    format!("lookup-{service}-1")
}

/// Runs the program in a container of a worker.
fn lookup(host: &Host, service: &str, line: &str) -> Outcome {
    let words = ["exec".to_owned(), container(service), "/lookup".to_owned()];
    host.berth(words.into_iter().chain(line.split(' ').map(str::to_owned)))
}

fn saved(host: &Host, service: &str) -> usize {
    let outcome = lookup(host, service, "results --count");
    outcome.stdout.trim().parse().unwrap_or_default()
}

fn eventually_saved(host: &Host, service: &str, count: usize) {
    eventually_within(LONG, &format!("{count} URLs are saved"), || saved(host, service) >= count);
    assert_eq!(saved(host, service), count);
}

fn kill(host: &Host, service: &str) {
    let pid = host.pid_of(&container(service));
    Outcome::of(host.command("kill").args(["-9", &pid.to_string()])).ok();
    eventually_within(LONG, &format!("{service} is back"), || {
        host.inspect(&container(service), "{{.RestartCount}} {{.State.Health.Status}}") == "1 healthy"
    });
}

fn each_url_answers(host: &Host, count: usize) {
    let checked = lookup(host, "lookup-1", "results --check").ok();
    assert_eq!(checked.trim(), format!("{count} answer, 0 do not"));
}

#[test]
fn every_url_is_there_once_whoever_dies() {
    let host = Host::on_root(&images::debian_root());
    host.compose(&stack(), "up -d").ok();
    lookup(&host, "lookup-1", "seed --rows 20000").ok();
    lookup(&host, "lookup-1", "enqueue --count 10000 --hit-ratio 0.5").ok();
    eventually_saved(&host, "lookup-1", 5000);
    each_url_answers(&host, 5000);

    let mut expected = 5000;
    for victim in ["redis", "clickhouse", "paste", "lookup-1", "lookup-2"] {
        let witness = if victim == "lookup-1" { "lookup-2" } else { "lookup-1" };
        lookup(&host, witness, "enqueue --count 4000 --hit-ratio 0.5").ok();
        eventually_within(LONG, "the load has begun", || saved(&host, witness) > expected);
        kill(&host, victim);
        expected += 2000;
        eventually_saved(&host, witness, expected);
    }
    each_url_answers(&host, expected);
    let letters = lookup(&host, "lookup-1", "dead-letters list").ok();
    assert_eq!(letters, "", "nothing was given up");

    host.compose(&stack(), "down -v").ok();
    assert_eq!(host.ok("volume ls -q"), "");
}
