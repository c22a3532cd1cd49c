//! Programs that watch the engine's containers: Prometheus' Docker discovery.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, client, eventually, images};
use std::process::{Child, Stdio};

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
