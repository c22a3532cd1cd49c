//! Podman with `berth oci` as its runtime: another engine's expectations of the OCI command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

use e2e::{Host, Outcome, berth_binary};
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

/// Podman on a storage of its own.
struct Podman {
    host: Host,
    dir: PathBuf,
}

impl Podman {
    /// With an image named `box`; `None`, said loudly, where podman is not installed. In CI it must be.
    fn new() -> Option<Self> {
        let installed = Command::new("podman").arg("--version").output().is_ok();
        if !installed {
            assert!(
                std::env::var_os("CI").is_none(),
                "podman is not installed: scripts/install-packages test"
            );
            eprintln!("SKIPPED: podman is not installed (scripts/install-packages test)");
            return None;
        }
        let host = Host::new();
        let dir = host.dir("podman");
        let wrapper = host
            .file("podman/runtime", &format!("#!/bin/sh\nexec {} oci \"$@\"\n", berth_binary().display()));
        fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let podman = Self { host, dir };
        podman.import();
        Some(podman)
    }

    fn import(&self) {
        let tree = self.dir.join("tree");
        fs::create_dir_all(tree.join("bin")).unwrap();
        fs::copy("/bin/busybox", tree.join("bin/busybox")).unwrap();
        for applet in ["sh", "id", "cat", "hostname", "sleep", "ls"] {
            std::os::unix::fs::symlink("busybox", tree.join("bin").join(applet)).unwrap();
        }
        let archive = self.dir.join("box.tar");
        Outcome::of(self.host.command("tar").arg("-C").arg(&tree).arg("-cf").arg(&archive).arg(".")).ok();
        self.run(&["import", "-q", archive.to_str().unwrap(), "box"]).ok();
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let mut podman = self.host.command("timeout");
        podman.args(["--kill-after=5", "120", "podman"]);
        for (option, name) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            podman.arg(option).arg(self.dir.join(name));
        }
        podman.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]);
        podman.arg("--runtime").arg(self.dir.join("runtime"));
        Outcome::of(podman.args(arguments))
    }

    fn ok(&self, line: &str) -> String {
        self.run(&line.split_whitespace().collect::<Vec<_>>()).ok().trim_end().to_owned()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // It also leaves the storage's mounts.
        self.run(&["rm", "-fa", "-t", "0"]);
        self.run(&["rmi", "-fa"]);
    }
}

#[test]
fn podman_runs_a_container_with_its_exit_code_and_user() {
    let Some(podman) = Podman::new() else { return };
    let ended = podman.run(&[
        "run",
        "--rm",
        "--network=none",
        "--hostname=web",
        "box",
        "sh",
        "-c",
        "hostname; exit 7",
    ]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(7), "web\n"), "{ended}");
    assert_eq!(podman.ok("run --rm --network=none --user 7:8 --cap-drop all --read-only box id -u"), "7");
    let missing = podman.run(&["run", "--rm", "--network=none", "box", "nothing-of-this-name"]);
    assert_eq!(missing.code, Some(127), "{missing}");
}

#[test]
fn podman_limits_enters_pauses_and_stops_a_container() {
    let Some(podman) = Podman::new() else { return };
    podman.ok("run -d --name web --network=none --pids-limit 20 box sleep 1000");
    let status = || podman.ok("ps -a --format {{.Status}}");
    assert!(status().starts_with("Up"), "{}", status());
    let limit = podman.run(&[
        "exec",
        "web",
        "sh",
        "-c",
        "cat /sys/fs/cgroup/pids/pids.max || cat /sys/fs/cgroup/pids.max",
    ]);
    assert_eq!(limit.ok().trim_end(), "20");
    podman.ok("pause web");
    assert_eq!(status(), "Paused");
    podman.ok("unpause web");
    podman.ok("stop -t 0 web");
    assert_eq!(podman.ok("inspect web --format {{.State.ExitCode}}"), "137");
    podman.ok("rm web");
    assert_eq!(podman.ok("ps -aq"), "");
}
