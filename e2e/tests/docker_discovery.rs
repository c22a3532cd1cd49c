//! Programs that watch the engine's containers: Prometheus' Docker discovery, and what Traefik's provider does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, client, eventually, images, workspace};
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

const CONFIG: &str = "\
global: {scrape_interval: 1s}
scrape_configs:
- job_name: containers
  docker_sd_configs:
  - host: unix://SOCKET
    refresh_interval: 1s
  relabel_configs:
  - source_labels: [__meta_docker_container_label_scrape]
    regex: yes_please
    action: keep
  - source_labels: [__meta_docker_container_name]
    target_label: container
";

struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_discovers_containers_and_scrapes_them() {
    let host = Host::new();
    images::tiny(&host);
    let serve = "mkdir /www; echo answer 42 > /www/metrics; exec httpd -f -p 9100 -h /www";
    host.berth([
        "run",
        "-d",
        "--name",
        "served",
        "-l",
        "scrape=yes_please",
        "-p",
        "9100:9100",
        "tiny",
        "sh",
        "-c",
        serve,
    ])
    .ok();
    host.ok("run -d --name other tiny sleep 1000");
    let config = host.file("prometheus.yml", &CONFIG.replace("SOCKET", &host.socket().display().to_string()));
    let mut command = host.command(client("prometheus"));
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", host.dir("tsdb").display()));
    command.arg("--web.listen-address=127.0.0.1:9090");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let prometheus = Prometheus(command.spawn().unwrap());
    let ask = |query: &str| {
        let address = format!("http://127.0.0.1:9090/api/v1/{query}");
        Outcome::of(host.command("curl").args(["-s", "--max-time", "5", &address])).stdout
    };
    eventually("the container's metric is there", || ask("query?query=answer").contains("\"/served\""));
    let targets = ask("targets?state=active");
    assert!(targets.contains("/served") && !targets.contains("/other"), "{targets}");
    host.ok("rm -f served");
    eventually("a removed container is no target", || !ask("targets?state=active").contains("/served"));
    drop(prometheus);
}

/// A program that tells states as lines; ended with the test.
struct Watcher {
    program: Child,
    lines: Receiver<String>,
}

impl Watcher {
    fn start(host: &Host, module: &str) -> Self {
        let mut command = host.foreign(client("python/bin/python"));
        command.arg(workspace().join("e2e/clients").join(module));
        let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(program.stdout.take().unwrap());
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { program, lines }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(30)).expect("the next state")
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn a_proxy_follows_containers_also_over_the_engines_death() {
    let host = Host::new();
    images::tiny(&host);
    host.ok("network create front");
    let run = |name: &str, more: &str| {
        host.ok(&format!("run -d --name {name} --network front {more} --expose 8080 tiny sleep 1000"));
    };
    run("unlabelled", "");
    let watcher = Watcher::start(&host, "traefik_like.py");
    assert_eq!(watcher.next(), "{}");
    run("web-1", "-l traefik.enable=true -l traefik.service=web");
    let shown = watcher.next();
    let address = host.inspect("web-1", "{{.NetworkSettings.Networks.front.IPAddress}}");
    assert_eq!(shown, format!("{{\"web\": \"{address}:8080\"}}"));
    host.kill_engine();
    assert_eq!(watcher.next(), "lost");
    host.ok("ps");
    let again = std::iter::repeat_with(|| watcher.next()).find(|line| line != "lost");
    assert_eq!(again, Some(shown), "the same, from the engine that comes after");
    host.ok("stop -t 0 web-1");
    assert_eq!(watcher.next(), "{}");
    drop(watcher);
    host.ok("rm -f web-1 unlabelled");
    host.ok("network rm front");
}
