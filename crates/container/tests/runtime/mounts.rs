//! Mounts and their options.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use serde_json::json;

use crate::Test;
use crate::bundle::Bundle;

pub(crate) const TESTS: &[Test] = &[
    ("binds_can_be_read_only", binds_can_be_read_only),
    ("read_only_can_be_recursive", read_only_can_be_recursive),
    ("files_are_bound_to_files", files_are_bound_to_files),
    ("dangling_links_are_followed_inside", dangling_links_are_followed_inside),
    ("flags_hold_for_binds", flags_hold_for_binds),
    ("a_tmpfs_has_the_mode_of_what_it_covers", a_tmpfs_has_the_mode_of_what_it_covers),
    ("a_tmpfs_can_be_read_only_with_mounts_in_it", a_tmpfs_can_be_read_only_with_mounts_in_it),
    ("a_tmpfs_can_begin_with_the_images_files", a_tmpfs_can_begin_with_the_images_files),
    ("mounts_travel_as_asked", mounts_travel_as_asked),
    ("the_standard_devices_are_there", the_standard_devices_are_there),
    ("a_bound_dev_is_left_alone", a_bound_dev_is_left_alone),
    ("ids_cannot_be_mapped_yet", ids_cannot_be_mapped_yet),
    ("the_cgroup_is_seen", the_cgroup_is_seen),
    ("the_root_can_be_a_mount_already", the_root_can_be_a_mount_already),
    ("without_pivot_root", without_pivot_root),
];

fn binds_can_be_read_only() {
    let host = tempfile::tempdir().unwrap();
    let path = host.path().to_str().unwrap();
    let bundle = Bundle::new("touch /a/x; touch /b/y")
        .mount("bind", path, "/a", &["rbind", "rprivate"])
        .mount("bind", path, "/b", &["rbind", "rprivate", "ro"]);
    let answer = bundle.run();
    assert!(answer.err.contains("/b/y: Read-only file system"), "{answer:?}");
    assert!(host.path().join("x").exists() && !host.path().join("y").exists());
}

/// A directory with a tmpfs mounted below it, for the duration of a test.
struct Nested(tempfile::TempDir);

impl Nested {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("below")).unwrap();
        let target = dir.path().join("below");
        rustix::mount::mount("tmpfs", &target, "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
        Self(dir)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.path().join("below"), rustix::mount::UnmountFlags::DETACH);
    }
}

fn read_only_can_be_recursive() {
    let nested = Nested::new();
    let script = "touch /a/below/x; touch /b/below/y; touch /b/z";
    let bundle = Bundle::new(script).mount("bind", nested.path(), "/a", &["rbind", "ro"]).mount(
        "bind",
        nested.path(),
        "/b",
        &["rbind", "rro"],
    );
    let answer = bundle.run();
    if !container::runtime::KernelFeatures::probe().new_mount_api {
        assert!(answer.code != 0 && answer.err.contains("on /b: Operation not supported"), "{answer:?}");
        return;
    }
    assert!(
        answer.err.contains("/b/below/y: Read-only") && answer.err.contains("/b/z: Read-only"),
        "{answer:?}"
    );
    assert!(!answer.err.contains("/a/below/x"), "ro alone is for the topmost mount: {answer:?}");
}

fn files_are_bound_to_files() {
    let bundle = Bundle::new("cat /new/dir/file /etc/passwd")
        .mount("bind", "/etc/hostname", "/new/dir/file", &["bind"])
        .mount("bind", "/etc/hostname", "/etc/passwd", &["bind"]);
    let hostname = fs::read_to_string("/etc/hostname").unwrap();
    assert_eq!(bundle.run().ok().out, hostname.clone() + &hostname);
    assert!(bundle.root().join("new/dir/file").is_file());
}

fn dangling_links_are_followed_inside() {
    let bundle = Bundle::new("cat /etc/resolv.conf; readlink /etc/resolv.conf").mount(
        "bind",
        "/etc/hostname",
        "/etc/resolv.conf",
        &["bind"],
    );
    symlink("../run/resolve/stub.conf", bundle.root().join("etc/resolv.conf")).unwrap();
    let hostname = fs::read_to_string("/etc/hostname").unwrap();
    assert_eq!(bundle.run().ok().out, hostname + "../run/resolve/stub.conf\n");
}

fn options_of(bundle: &Bundle, path: &str) -> String {
    let out = bundle.run().ok().out;
    let line =
        out.lines().find(|line| line.split(' ').nth(4) == Some(path)).unwrap_or_else(|| panic!("{out}"));
    line.split(' ').nth(5).unwrap().to_owned()
}

fn flags_hold_for_binds() {
    let host = tempfile::tempdir().unwrap();
    let flags = ["rbind", "nosuid", "nodev", "noexec", "noatime", "ro"];
    let bundle =
        Bundle::new("cat /proc/self/mountinfo").mount("bind", host.path().to_str().unwrap(), "/a", &flags);
    assert_eq!(options_of(&bundle, "/a"), "ro,nosuid,nodev,noexec,noatime");
}

fn a_tmpfs_has_the_mode_of_what_it_covers() {
    let bundle = Bundle::new("stat -c %a /run /var /given")
        .mount("tmpfs", "tmpfs", "/run", &["nosuid"])
        .mount("tmpfs", "tmpfs", "/var", &[])
        .mount("tmpfs", "tmpfs", "/given", &["mode=1770"]);
    fs::create_dir(bundle.root().join("run")).unwrap();
    fs::set_permissions(bundle.root().join("run"), fs::Permissions::from_mode(0o1733)).unwrap();
    assert_eq!(bundle.run().ok().out, "1733\n755\n1770\n");
}

fn a_tmpfs_can_be_read_only_with_mounts_in_it() {
    let bundle = Bundle::new("touch /data/x; cat /data/name")
        .mount("tmpfs", "tmpfs", "/data", &["ro"])
        .mount("bind", "/etc/hostname", "/data/name", &["bind"]);
    let answer = bundle.run().ok();
    assert!(answer.err.contains("Read-only file system"), "{answer:?}");
    assert_eq!(answer.out, fs::read_to_string("/etc/hostname").unwrap());
}

fn a_tmpfs_can_begin_with_the_images_files() {
    let script = "cat /data/deep/file; readlink /data/link; stat -c '%a %u' /data/deep/file; touch /data/new; df /data";
    let bundle = Bundle::new(script).mount("tmpfs", "tmpfs", "/data", &["tmpcopyup", "size=1m"]);
    let data = bundle.root().join("data/deep");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("file"), "kept\n").unwrap();
    fs::set_permissions(data.join("file"), fs::Permissions::from_mode(0o640)).unwrap();
    rustix::fs::chown(data.join("file"), Some(rustix::fs::Uid::from_raw(5)), None).unwrap();
    symlink("deep/file", bundle.root().join("data/link")).unwrap();
    let answer = bundle.run().ok();
    assert!(answer.out.starts_with("kept\ndeep/file\n640 5\n") && answer.out.contains("1024"), "{answer:?}");
    assert!(!bundle.root().join("data/new").exists(), "the image is not written to");
}

fn mounts_travel_as_asked() {
    let nested = Nested::new();
    let below = format!("{}/below", nested.path());
    rustix::mount::mount_change(below.as_str(), rustix::mount::MountPropagationFlags::SHARED).unwrap();
    let bundle = Bundle::new("sleep 100").mount("bind", &below, "/slave", &["rbind", "rslave"]).mount(
        "bind",
        &below,
        "/private",
        &["rbind", "rprivate"],
    );
    bundle.start();
    let inner = format!("{below}/inner");
    fs::create_dir(&inner).unwrap();
    rustix::mount::mount("tmpfs", inner.as_str(), "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
    fs::write(format!("{inner}/x"), "").unwrap();
    let seen = bundle.exec(&["ls", "/slave/inner", "/private/inner"]).ok();
    rustix::mount::unmount(inner.as_str(), rustix::mount::UnmountFlags::DETACH).unwrap();
    assert_eq!(seen.out, "/private/inner:\n\n/slave/inner:\nx\n");
}

fn the_standard_devices_are_there() {
    let bundle = Bundle::new(
        "cd /dev; stat -c '%n %F %a %t:%T' full null random tty urandom zero; for name in fd stdin stdout stderr ptmx; do readlink $name; done",
    );
    let kind = "character special file 666";
    let expected = format!(
        "full {kind} 1:7\nnull {kind} 1:3\nrandom {kind} 1:8\ntty {kind} 5:0\nurandom {kind} 1:9\nzero {kind} 1:5\n\
         /proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n"
    );
    assert_eq!(bundle.run().ok().out, expected);
}

fn a_bound_dev_is_left_alone() {
    let host = tempfile::tempdir().unwrap();
    let mut bundle = Bundle::new("ls /dev").set("/linux/maskedPaths", json!([]));
    bundle.config["mounts"]
        .as_array_mut()
        .unwrap()
        .retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
    let bundle = bundle.mount("bind", host.path().to_str().unwrap(), "/dev", &["bind"]);
    assert_eq!(bundle.run().ok().out, "");
    assert_eq!(fs::read_dir(host.path()).unwrap().count(), 0);
}

fn ids_cannot_be_mapped_yet() {
    let bundle = Bundle::new("true").mount("bind", "/tmp", "/a", &["bind", "idmap"]);
    assert!(bundle.run().err.contains("the option \"idmap\" is not supported"));
}

fn the_cgroup_is_seen() {
    let with = Bundle::new("cat /proc/self/cgroup; ls /sys/fs/cgroup | wc -l");
    let out = with.run().ok().out;
    assert!(out.lines().any(|line| line.ends_with(":/")), "{out}");
    let without = Bundle::new(
        "cat /proc/self/cgroup; cat /sys/fs/cgroup/pids/cgroup.procs || cat /sys/fs/cgroup/cgroup.procs",
    )
    .namespace("cgroup", None);
    let out = without.run().ok().out;
    assert!(out.contains(&format!("/berth-test/{}", without.id)), "{out}");
    assert!(out.lines().any(|line| line == "1"), "its own group is mounted: {out}");
}

fn the_root_can_be_a_mount_already() {
    let bundle = Bundle::new("touch /in-memory; ls /");
    let root = bundle.root();
    rustix::mount::mount_bind(&root, &root).unwrap();
    let answer = bundle.run();
    rustix::mount::unmount(&root, rustix::mount::UnmountFlags::DETACH).unwrap();
    assert!(answer.ok().out.contains("in-memory"));
    assert_eq!(fs::metadata(root.join("in-memory")).unwrap().uid(), 0);
}

fn without_pivot_root() {
    let bundle = Bundle::new("ls /; ls /bin | head -1");
    let answer = bundle.oci(&["run", "--no-pivot", &bundle.id]).ok();
    assert!(answer.out.contains("proc\n") && answer.out.ends_with("busybox\n"), "{answer:?}");
}
