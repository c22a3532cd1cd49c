//! What goes wrong around the engine: full disk, broken store, no root, an engine that dies, two users at once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, eventually, images};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SLEEPER: &str = "services:\n  app:\n    image: tiny\n    command: [sleep, '1000']\n    init: true\n";

fn project(host: &Host, name: &str, yaml: &str) -> PathBuf {
    let file = host.file(&format!("{name}/compose.yaml"), yaml);
    file.parent().expect("a file has a parent").to_owned()
}

/// A small file system on a directory, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn on(directory: &Path, size: &str) -> Self {
        std::fs::create_dir_all(directory).expect("the scratch directory is writable");
        let mut mount = Command::new("mount");
        Outcome::of(mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(directory)).ok();
        Self(directory.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_build_on_a_full_disk_says_so_and_leaves_the_cache_valid() {
    let host = Host::new();
    let disk = SmallDisk::on(host.root(), "24m");
    images::tiny(&host);
    let up = project(&host, "good", SLEEPER);
    host.compose(&up, "up -d").ok();
    let context = host.dir("big");
    let dockerfile = "FROM tiny\nRUN echo small > /small\nRUN dd if=/dev/zero of=/big bs=1M count=40\n";
    std::fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    let error = host.fails(1, &format!("build -t big {}", context.display()));
    assert!(error.contains("No space left on device"), "{error}");
    let images = host.ok("images");
    assert!(!images.contains("big"), "{images}");
    assert_eq!(host.inspect("good-app-1", "{{.State.Status}}"), "running");
    std::fs::write(context.join("Dockerfile"), "FROM tiny\nRUN echo small > /small\n").unwrap();
    let again = host.berth(["build", "--progress", "plain", "-t", "small", &context.display().to_string()]);
    assert!(again.stderr.contains("[2/2] cached"), "{again}");
    assert_eq!(host.ok("run --rm small cat /small"), "small");
    host.compose(&up, "down").ok();
    drop_engine(&host);
    drop(disk);
}

/// Ends the engine, so that nothing holds files of its root open.
fn drop_engine(host: &Host) {
    host.ok("engine stop");
    eventually("the engine is gone", || host.engine_pid().is_none());
}

#[test]
fn a_corrupted_file_of_the_store_is_named() {
    let host = Host::new();
    images::tiny(&host);
    let up = project(&host, "good", SLEEPER);
    host.compose(&up, "up -d").ok();
    let id = host.ok("images -q --no-trunc tiny");
    let digest = id.trim_start_matches("sha256:");
    let blob = host.root().join("blobs/sha256").join(digest);
    let content = std::fs::read(&blob).unwrap();
    std::fs::write(&blob, &content[..content.len() / 2]).unwrap();
    host.kill_engine();
    let refused = host.berth(["run", "--rm", "tiny", "true"]);
    assert_eq!(refused.code, Some(125), "{refused}");
    assert!(refused.stderr.contains(digest), "{refused}");
    assert_eq!(host.inspect("good-app-1", "{{.State.Status}}"), "running");
    assert_eq!(host.ok("exec good-app-1 echo alive"), "alive");
    std::fs::write(&blob, content).unwrap();
    host.ok("run --rm tiny true");
}

#[test]
fn who_is_not_root_is_told_so() {
    let host = Host::new();
    let mut nobody = host.command("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(e2e::berth_binary()).arg("ps");
    let refused = Outcome::of(nobody.current_dir("/"));
    assert_ne!(refused.code, Some(0), "{refused}");
    assert!(refused.stderr.contains("root"), "{refused}");
}

#[test]
fn a_client_whose_engine_dies_is_told_so() {
    let host = Host::new();
    images::tiny(&host);
    host.berth(["run", "-d", "--init", "--name", "app", "tiny", "sh", "-c", "echo begun; sleep 1000"]).ok();
    let started = host.inspect("app", "{{.State.StartedAt}}");
    let mut following = host.spawn(["logs", "-f", "app"]);
    let mut line = String::new();
    BufReader::new(following.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "begun\n");
    host.kill_engine();
    let outcome = following.wait_with_output().expect("the client ends");
    assert!(!outcome.status.success());
    let error = String::from_utf8_lossy(&outcome.stderr);
    assert!(error.contains("engine"), "{error}");
    assert_eq!(host.inspect("app", "{{.State.StartedAt}}"), started);
    assert_eq!(host.ok("exec app echo alive"), "alive");
}

#[test]
fn two_ups_of_one_project_at_once_end_as_one() {
    let host = Host::new();
    images::tiny(&host);
    let directory = project(&host, "both", &format!("{SLEEPER}    deploy: {{replicas: 5}}\n"));
    let up = || {
        let mut command = host.berth_command(["compose", "up", "-d"]);
        command.current_dir(&directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("berth can be started")
    };
    let both = [up(), up(), up()];
    for client in both {
        let outcome = client.wait_with_output().expect("the client ends");
        let error = String::from_utf8_lossy(&outcome.stderr);
        assert!(outcome.status.success() || error.contains("both"), "{error}");
    }
    let names = host.ok("ps --format {{.Names}}");
    assert_eq!(names.lines().count(), 5, "{names}");
    host.compose(&directory, "down").ok();
}
