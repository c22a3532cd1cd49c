//! Volumes with options, and copying into containers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, images};

#[test]
fn a_volume_can_be_a_directory_of_the_host() {
    let host = Host::new();
    let image = images::tiny(&host);
    let dir = host.file("data/file", "of the host\n").parent().unwrap().to_owned();
    let device = format!("device={}", dir.display());
    host.berth(["volume", "create", "-o", "type=none", "-o", "o=bind", "-o", &device, "data"]).ok();
    let line = "cat /d/file; echo new > /d/new";
    assert_eq!(host.berth(["run", "--rm", "-v", "data:/d", image, "sh", "-c", line]).ok(), "of the host\n");
    assert_eq!(std::fs::read_to_string(dir.join("new")).unwrap(), "new\n");
    host.ok("volume rm data");
    assert!(dir.join("file").exists(), "the host's own directory stays");
}

#[test]
fn a_volume_can_be_memory_and_nothing_else_is_mounted() {
    let host = Host::new();
    let image = images::tiny(&host);
    host.ok("volume create -o type=tmpfs -o device=tmpfs -o o=size=1m fast");
    let mounts = host.ok(&format!("run --rm -v fast:/d {image} grep /d /proc/mounts"));
    assert!(mounts.contains("tmpfs") && mounts.contains("size=1024k"), "{mounts}");
    host.ok("volume rm fast");
    let refused = host.berth(["volume", "create", "-o", "type=nfs", "-o", "device=:/x", "far"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("mount it on the host"), "{refused}");
}

#[test]
fn nothing_is_copied_into_a_read_only_root() {
    let host = Host::new();
    let image = images::tiny(&host);
    let file = host.file("file", "content\n").display().to_string();
    host.ok(&format!("run -d --name web --read-only -v data:/d {image} sleep 1000"));
    let refused = host.berth(["cp", &file, "web:/file"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("read-only"), "{refused}");
    host.berth(["cp", &file, "web:/d/file"]).ok();
    assert_eq!(host.ok("exec web cat /d/file"), "content");
    host.ok("rm -f web");
    host.ok("volume rm data");
}
