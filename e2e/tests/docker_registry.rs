//! Images to and from a registry, through foreign clients.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, client, eventually, images};
use std::{
    path::Path,
    process::{Child, Stdio},
};

/// Debian's registry on port 5000 of a host; ended with the test.
struct Registry(Child);

impl Registry {
    fn start(host: &Host) -> Self {
        let data = host.dir("registry");
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:5000}}\nlog: {{level: error}}\n",
            data.display()
        );
        let config = host.file("registry.yml", &config);
        let mut command = host.command(client("docker-registry"));
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self(command.spawn().unwrap());
        eventually("the registry answers", || {
            let asked = Outcome::of(host.command("curl").args(["-sf", "http://127.0.0.1:5000/v2/"]));
            asked.code == Some(0)
        });
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn docker_pushes_pulls_and_runs_what_is_not_there() {
    let host = Host::new();
    images::tiny(&host);
    let _registry = Registry::start(&host);
    let docker = |line: &str| host.docker(line.split(' ')).ok();
    docker("tag tiny localhost:5000/team/tiny:1");
    let pushed = docker("push localhost:5000/team/tiny:1");
    assert!(pushed.contains("1: digest: sha256:"), "{pushed}");
    docker("rmi localhost:5000/team/tiny:1");
    assert!(docker("pull localhost:5000/team/tiny:1").contains("Status: Downloaded newer image"));
    docker("rmi localhost:5000/team/tiny:1");
    assert_eq!(docker("run --rm localhost:5000/team/tiny:1 echo here"), "here\n");
    let missing = host.docker(["pull", "localhost:5000/team/none:1"]);
    assert_ne!(missing.code, Some(0), "{missing}");
}

#[test]
fn docker_saves_loads_exports_imports_and_commits() {
    let host = Host::new();
    images::tiny(&host);
    let docker = |line: &str| host.docker(line.split(' ')).ok();
    let archive = host.dir("archive").join("tiny.tar");
    let path = |file: &Path| file.display().to_string();
    docker(&format!("save -o {} tiny", path(&archive)));
    docker("rmi tiny");
    assert!(docker(&format!("load -i {}", path(&archive))).contains("Loaded image: tiny:latest"));
    docker("run --name made tiny touch /made");
    host.docker(["commit", "-m", "why", "-c", "ENV ADDED=yes", "made", "committed:1"]).ok();
    assert_eq!(
        host.docker(["run", "--rm", "committed:1", "sh", "-c", "ls /made; echo $ADDED"]).ok(),
        "/made\nyes\n"
    );
    docker(&format!("export -o {} made", path(&archive)));
    docker(&format!("import {} imported:1", path(&archive)));
    assert_eq!(docker("run --rm imported:1 /bin/ls /made"), "/made\n");
    docker("rm made");
}
