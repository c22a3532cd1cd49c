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

/// Kills a service's container in the middle of the load: when fewer than `all` URLs are saved.
fn kill(host: &Host, service: &str, witness: &str, all: usize) {
    let pid = host.pid_of(&container(service));
    Outcome::of(host.command("kill").args(["-9", &pid.to_string()])).ok();
    let saved: usize = lookup(host, witness, "results --count").ok().trim().parse().unwrap();
    assert!(saved < all, "{service} was killed when the load was over");
    eventually_within(LONG, &format!("{service} is back"), || {
        let template = "{{.RestartCount}} {{.State.Status}} {{.State.Health.Status}}";
        host.inspect(&container(service), template) == "1 running healthy"
    });
}

const SERVICES: [&str; 5] = ["redis", "clickhouse", "paste", "lookup-1", "lookup-2"];
const SECRETS: [&str; 3] = ["redis_password", "clickhouse_password", "paste_key"];

/// The images of our programs are those programs, and small.
fn images_are_small(host: &Host) {
    for (image, layers) in [("berth/lookup", 2), ("berth/paste", 1)] {
        let inspect = |template| {
            let outcome = host.berth(["image", "inspect", "--format", template, image]);
            outcome.ok().trim().to_owned()
        };
        let size: u64 = inspect("{{.Size}}").parse().unwrap();
        assert!(size <= 15_000_000, "{image} has {size} bytes");
        assert_eq!(inspect("{{len .RootFS.Layers}}"), layers.to_string(), "{image} is made from scratch");
    }
}

/// Everything is healthy, and nothing can be reached that need not be.
fn is_closed_but_for_one_port(host: &Host) {
    for service in SERVICES {
        let inspect = |template| host.inspect(&container(service), template);
        assert_eq!(inspect("{{.State.Health.Status}}"), "healthy", "{service}");
        let published = if service == "lookup-1" { "8000/tcp=8000 " } else { "" };
        let template =
            "{{range $port, $on := .HostConfig.PortBindings}}{{$port}}={{(index $on 0).HostPort}} {{end}}";
        assert_eq!(inspect(template).trim(), published.trim(), "{service}");
        let networks = match service {
            "redis" | "clickhouse" => "lookup_databases",
            "paste" => "lookup_outside",
            _ => "lookup_databases lookup_outside",
        };
        let template = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
        assert_eq!(inspect(template).trim(), networks, "{service}");
        let volumes = inspect("{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}} {{end}}{{end}}");
        assert!(
            volumes.starts_with("lookup_"),
            "{service} keeps its data in a volume of its own: {volumes:?}"
        );
    }
    assert_eq!(host.ok("network inspect --format {{.Internal}} lookup_databases"), "true");
    for (port, open) in [(8000, true), (6379, false), (8123, false), (9000, false), (8080, false)] {
        let knock = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        let knocked = Outcome::of(host.command("bash").args(["-c", &knock]));
        assert_eq!(knocked.code == Some(0), open, "port {port}");
    }
}

/// What is secret is neither in what is told of containers, nor in their logs, nor in their processes.
fn secrets_are_secret(host: &Host) {
    let secrets = SECRETS.map(|name| std::fs::read_to_string(stack().join("secrets").join(name)).unwrap());
    let mut told = host.compose(&stack(), "config").ok() + &host.compose(&stack(), "ps -a --no-trunc").ok();
    for service in SERVICES {
        let name = container(service);
        let logs = host.berth(["logs", &name]);
        told += &(host.ok(&format!("inspect {name}"))
            + &logs.stdout
            + &logs.stderr
            + &host.ok(&format!("top {name}")));
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{}/{file}", host.pid_of(&name))).unwrap();
            told += &String::from_utf8_lossy(&bytes);
        }
    }
    for secret in secrets {
        assert!(!told.contains(secret.trim()), "{} is told", secret.trim());
    }
}

/// What an operator asks a worker.
fn worker_is_observable(host: &Host) {
    let get = |path: &str| {
        let address = format!("http://127.0.0.1:8000{path}");
        let outcome = Outcome::of(host.command("curl").args([
            "-s",
            "-w",
            " %{http_code}",
            "--max-time",
            "10",
            &address,
        ]));
        outcome.ok()
    };
    assert!(get("/healthz").ends_with(" 200"));
    eventually_within(LONG, "the worker is ready", || get("/readyz").ends_with(" 200"));
    let metrics = get("/metrics");
    for metric in
        ["lookup_tasks_taken_total", "lookup_redis_up 1", "lookup_paste_up 1", "lookup_results_up 1"]
    {
        assert!(metrics.contains(metric), "{metric}");
    }
    assert!(get("/users/10.0.0.1;00:00:00:00:00:00").ends_with(" 404"));
    assert!(get("/users/nobody").ends_with(" 400"));
}

/// The image of ClickHouse is all that has to be changed for another version: it holds nothing of ours.
fn another_clickhouse_is_another_image(host: &Host) {
    host.ok("tag berth/lookup-clickhouse other/clickhouse");
    let compose = |line: &str| {
        let files = ["compose", "-f", "compose.yaml", "-f", "compose.clickhouse.yaml"];
        let mut command = host.berth_command(files.into_iter().chain(line.split(' ')));
        Outcome::of(command.env("CLICKHOUSE_IMAGE", "other/clickhouse").current_dir(stack())).ok()
    };
    compose("up -d --wait clickhouse");
    assert_eq!(host.inspect(&container("clickhouse"), "{{.Config.Image}}"), "other/clickhouse");
    assert_eq!(host.inspect(&container("clickhouse"), "{{.State.Health.Status}}"), "healthy");
    compose("down -v");
    host.ok("rmi other/clickhouse");
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
    images_are_small(&host);
    is_closed_but_for_one_port(&host);
    worker_is_observable(&host);
    secrets_are_secret(&host);

    let mut expected = 5000;
    for victim in SERVICES {
        let witness = if victim == "lookup-1" { "lookup-2" } else { "lookup-1" };
        lookup(&host, witness, "enqueue --count 10000 --hit-ratio 0.5").ok();
        eventually_within(LONG, "the load has begun", || saved(&host, witness) > expected);
        expected += 5000;
        kill(&host, victim, witness, expected);
        eventually_saved(&host, witness, expected);
    }
    each_url_answers(&host, expected);
    let letters = lookup(&host, "lookup-1", "dead-letters list").ok();
    assert_eq!(letters, "", "nothing was given up");
    secrets_are_secret(&host);

    host.compose(&stack(), "down -v").ok();
    another_clickhouse_is_another_image(&host);
    assert_eq!(host.ok("volume ls -q"), "");
}
