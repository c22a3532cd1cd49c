//! Bundles for tests, and running the command line on them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use container::caps::DEFAULT;
use container::seccomp::default_seccomp;
use serde_json::{Value, json};
use tempfile::TempDir;

const BUSYBOX: &str = "/bin/busybox";
const APPLETS: [&str; 36] = [
    "cat", "chmod", "chown", "dd", "df", "echo", "env", "false", "grep", "head", "hostname", "id", "kill",
    "ls", "mkdir", "mknod", "mount", "ps", "pwd", "readlink", "rm", "sed", "sh", "sleep", "sort", "stat",
    "stty", "test", "touch", "true", "tty", "umask", "umount", "wc", "date", "mv",
];

/// A bundle, and the container made of it. Both are removed in the end.
pub(crate) struct Bundle {
    dir: TempDir,
    pub(crate) id: String,
    pub(crate) config: Value,
    runtime: Vec<PathBuf>,
}

/// What a command has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self {
            code: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or(0)),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Answer {
    /// Panics unless the command has succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// The output's lines.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

impl Bundle {
    /// A root file system with busybox, and a spec with Docker's defaults that runs `script` in its shell.
    pub(crate) fn new(script: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert!(rustix::process::getuid().is_root(), "these tests need root");
        assert!(Path::new(BUSYBOX).exists(), "these tests need Debian's package busybox-static");
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("rootfs");
        for name in ["bin", "dev", "etc", "proc", "sys", "tmp", "root", "home"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::copy(BUSYBOX, root.join("bin/busybox")).unwrap();
        APPLETS.iter().for_each(|name| symlink("busybox", root.join("bin").join(name)).unwrap());
        let passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
        fs::write(root.join("etc/passwd"), passwd).unwrap();
        let id = format!("rt{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let runtime = vec![std::env::current_exe().unwrap(), PathBuf::from("oci")];
        let config = config(&id, script);
        Self { dir, id, config, runtime }
    }

    /// Runs the bundle with another runtime.
    pub(crate) fn with_runtime(mut self, program: &str) -> Self {
        self.runtime = vec![PathBuf::from(program)];
        self
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("rootfs")
    }

    /// Sets the value at a JSON pointer; its parent must exist.
    pub(crate) fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.config.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"))[key] = value;
        self
    }

    pub(crate) fn args(self, args: &[&str]) -> Self {
        self.set("/process/args", json!(args))
    }

    pub(crate) fn mount(mut self, kind: &str, source: &str, destination: &str, options: &[&str]) -> Self {
        let mount = json!({"type": kind, "source": source, "destination": destination, "options": options});
        self.config["mounts"].as_array_mut().unwrap().push(mount);
        self
    }

    /// Replaces (or drops, with `None`) the namespace of a kind.
    pub(crate) fn namespace(mut self, kind: &str, value: Option<Value>) -> Self {
        let all = self.config.pointer_mut("/linux/namespaces").unwrap().as_array_mut().unwrap();
        all.retain(|one| one["type"] != kind);
        all.extend(value);
        self
    }

    /// A command of the runtime; nothing is read from standard input.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let config = serde_json::to_vec(&self.config).unwrap();
        fs::write(self.dir().join("config.json"), config).unwrap();
        let mut command = Command::new(&self.runtime[0]);
        command.args(&self.runtime[1..]).arg("--root").arg(self.dir().join("state"));
        command.args(args).current_dir(self.dir()).stdin(Stdio::null());
        command
    }

    pub(crate) fn oci(&self, args: &[&str]) -> Answer {
        self.command(args).output().unwrap().into()
    }

    /// `run` in the foreground.
    pub(crate) fn run(&self) -> Answer {
        self.oci(&["run", &self.id])
    }

    /// `create`; what would hold the output of the test's pipes open gets a file instead.
    pub(crate) fn create(&self) -> Answer {
        self.create_with(&[])
    }

    pub(crate) fn create_with(&self, flags: &[&str]) -> Answer {
        let file = |name: &str| fs::File::create(self.dir().join(name)).unwrap();
        let mut args = vec!["create"];
        args.extend(flags);
        args.push(&self.id);
        let status = self.command(&args).stdout(file("out")).stderr(file("err")).status().unwrap();
        Answer { code: status.code().unwrap_or(-1), out: self.output("out"), err: self.output("err") }
    }

    /// What the container has written to `out` or `err`.
    pub(crate) fn output(&self, name: &str) -> String {
        fs::read_to_string(self.dir().join(name)).unwrap_or_default()
    }

    /// `create` and `start`.
    pub(crate) fn start(&self) {
        self.create().ok();
        self.oci(&["start", &self.id]).ok();
    }

    pub(crate) fn exec(&self, args: &[&str]) -> Answer {
        let mut all = vec!["exec", self.id.as_str()];
        all.extend(args);
        self.oci(&all)
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&self.oci(&["state", &self.id]).ok().out).unwrap()
    }

    pub(crate) fn status(&self) -> String {
        self.state()["status"].as_str().unwrap().to_owned()
    }

    pub(crate) fn pid(&self) -> i32 {
        self.state()["pid"].as_i64().unwrap() as i32
    }

    /// Waits until the container has stopped.
    pub(crate) fn wait(&self) {
        until(|| self.status() == "stopped");
    }

    /// Where the container's control group is in a hierarchy.
    pub(crate) fn cgroup(&self, controller: &str) -> PathBuf {
        let path = self.config["linux"]["cgroupsPath"].as_str().unwrap();
        container::cgroup::Cgroup::existing(Path::new(path)).directory(controller).unwrap()
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if self.dir().join("state").join(&self.id).exists() {
            self.oci(&["delete", "--force", &self.id]);
        }
    }
}

/// Waits for something that is certain to happen.
pub(crate) fn until(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it does not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn config(id: &str, script: &str) -> Value {
    let capabilities = serde_json::to_value(DEFAULT).unwrap();
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/sh", "-c", script],
            "env": ["PATH=/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
        },
        "root": {"path": "rootfs"},
        "hostname": "box",
        "mounts": [
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", &["ro", "nosuid", "noexec", "nodev"]),
        ],
        "linux": {
            "cgroupsPath": format!("/berth-test/{id}"),
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
            "namespaces": [
                {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
                {"type": "cgroup"},
            ],
            "seccomp": default_seccomp(&DEFAULT),
            "maskedPaths": [
                "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}
