//! Docker's own engine, to compare with.

use crate::{Netns, Outcome, eventually_within};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// How long it may take to start or stop: a bound against hanging, not a measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// Debian's dockerd with a network namespace and a state of its own; ended with the test.
#[derive(Debug)]
pub struct Dockerd {
    daemon: Child,
    state: tempfile::TempDir,
    _netns: Netns,
}

impl Dockerd {
    /// Starts it, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let netns = Netns::new(&format!("dockerd-e2e-{}-{number}", std::process::id()));
        let made = tempfile::Builder::new().prefix("dockerd-e2e-").tempdir_in("/var/tmp");
        let state = made.expect("a temporary directory can be made");
        let path = |name: &str| state.path().join(name);
        let log = std::fs::File::create(path("log")).expect("the scratch directory is writable");
        let mut command = netns.command("dockerd");
        command.arg("--data-root").arg(path("data")).arg("--exec-root").arg(path("exec"));
        command.arg("--pidfile").arg(path("pid")).arg("-H").arg(format!("unix://{}", path("sock").display()));
        let log_too = log.try_clone().expect("a descriptor can be copied");
        let daemon = command.stdin(Stdio::null()).stdout(log).stderr(log_too).spawn();
        let daemon = daemon.expect("the package docker.io is installed");
        let started = Self { daemon, state, _netns: netns };
        eventually_within(PATIENCE, "dockerd answers", || started.docker(["version"]).code == Some(0));
        started
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.state.path().join("sock")
    }

    /// A directory of the test's own.
    pub fn dir(&self) -> &Path {
        self.state.path()
    }

    /// Runs Debian's docker command line against it.
    pub fn docker<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Outcome {
        let mut command = Command::new("/usr/bin/docker");
        command.env("DOCKER_HOST", format!("unix://{}", self.socket().display()));
        Outcome::of(command.env("DOCKER_CONFIG", self.dir()).args(words))
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.daemon);
        // It takes its containerd along only when it is asked to end.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.daemon.wait();
    }
}
