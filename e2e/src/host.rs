use crate::{Netns, Outcome, berth_binary, cleanup, eventually};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A host of one test.
#[derive(Debug)]
pub struct Host {
    netns: Netns,
    root: PathBuf,
    run: PathBuf,
    scratch: tempfile::TempDir,
    keep_root: bool,
    /// Keeps other tests off a root that stays.
    _turn: Option<std::fs::File>,
}

impl Host {
    /// A host with an empty engine root.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new() -> Self {
        let scratch = scratch();
        let root = scratch.path().join("root");
        Self::with(scratch, root, false, None)
    }

    /// A host on an engine root that stays (images that took long to make). Waits until no other test uses it.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn on_root(root: &Path) -> Self {
        let lock = std::fs::File::create(root.with_extension("turn")).expect("the root's parent is writable");
        lock.lock().expect("a file can be locked");
        Self::with(scratch(), root.to_owned(), true, Some(lock))
    }

    fn with(scratch: tempfile::TempDir, root: PathBuf, keep_root: bool, turn: Option<std::fs::File>) -> Self {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let netns = Netns::new(&format!("berth-e2e-{}-{number}", std::process::id()));
        let run = scratch.path().join("run");
        Self { netns, root, run, scratch, keep_root, _turn: turn }
    }

    /// The engine's state directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The engine's runtime directory.
    pub fn run_dir(&self) -> &Path {
        &self.run
    }

    /// The engine's socket.
    pub fn socket(&self) -> PathBuf {
        self.run.join("berth.sock")
    }

    /// The network namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// A directory for the test's own files.
    pub fn dir(&self, name: &str) -> PathBuf {
        let dir = self.scratch.path().join("files").join(name);
        std::fs::create_dir_all(&dir).expect("the scratch directory is writable");
        dir
    }

    /// Writes a file of the test and returns its path.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.scratch.path().join("files").join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a parent"))
            .expect("the scratch directory is writable");
        std::fs::write(&path, content).expect("the scratch directory is writable");
        path
    }

    /// A directory with a compose file; the project is called as the directory.
    pub fn project(&self, name: &str, compose: &str) -> PathBuf {
        let file = self.file(&format!("{name}/compose.yaml"), compose);
        file.parent().expect("a file has a parent").to_owned()
    }

    /// A program run on this host.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.netns.command(program);
        command.env("BERTH_ROOT", &self.root).env("BERTH_RUN", &self.run).current_dir(self.scratch.path());
        command
    }

    /// `berth` with arguments, not started yet.
    pub fn berth_command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command(berth_binary());
        command.args(arguments);
        command
    }

    /// Runs `berth` to its end.
    pub fn berth<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        Outcome::of(&mut self.berth_command(arguments))
    }

    /// Runs `berth` with words separated by spaces, which must succeed; its standard output without the last line feed.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.berth(line.split_whitespace()).ok().trim_end().to_owned()
    }

    /// Runs `berth` with words separated by spaces, which must fail with `code`; its standard error.
    #[track_caller]
    pub fn fails(&self, code: i32, line: &str) -> String {
        self.berth(line.split_whitespace()).fails(code)
    }

    /// Runs `berth compose` in a directory.
    pub fn compose(&self, directory: &Path, line: &str) -> Outcome {
        let mut command = self.berth_command(["compose"]);
        Outcome::of(command.args(line.split_whitespace()).current_dir(directory))
    }

    /// Starts `berth` and leaves it running, with pipes on its standard streams.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Child {
        let mut command = self.berth_command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("berth can be started")
    }

    /// The engine's process id, if one runs.
    pub fn engine_pid(&self) -> Option<u32> {
        cleanup::processes_of(self)
            .into_iter()
            .find(|process| process.role() == Some("engine"))
            .map(|found| found.pid)
    }

    /// Kills the engine with SIGKILL and waits until it is gone.
    ///
    /// # Panics
    /// When none runs.
    pub fn kill_engine(&self) {
        let pid = self.engine_pid().expect("an engine runs");
        cleanup::kill(pid);
        eventually("the killed engine is gone", || !Path::new(&format!("/proc/{pid}")).exists());
    }

    /// Kills all shims with SIGKILL.
    pub fn kill_shims(&self) {
        for process in cleanup::processes_of(self).iter().filter(|process| process.role() == Some("shim")) {
            cleanup::kill(process.pid);
        }
    }

    /// Whether any process of the machine has these words in its command line.
    pub fn has_process(&self, words: &str) -> bool {
        cleanup::command_lines().iter().any(|line| line.contains(words))
    }

    /// What the end of power leaves: the files of the engine's root and nothing else.
    ///
    /// # Panics
    /// When something cannot be taken away.
    pub fn power_off(&self) {
        cleanup::power_off(self);
    }

    /// The main process of a container on the host.
    pub fn pid_of(&self, container: &str) -> u32 {
        let text = self.ok(&format!("container inspect -f {{{{.State.Pid}}}} {container}"));
        text.parse().expect("a process id")
    }

    /// A field of a container.
    pub fn inspect(&self, container: &str, template: &str) -> String {
        self.berth(["container", "inspect", "-f", template, container]).ok().trim_end().to_owned()
    }

    /// Everything of this host that is still there: processes, mounts, control groups, interfaces, rules.
    pub fn leaks(&self) -> Vec<String> {
        cleanup::leaks(self)
    }

    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let left = cleanup::clear(self, self.keep_root);
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind after everything was removed:\n{}", left.join("\n"));
        }
    }
}

fn scratch() -> tempfile::TempDir {
    let made = tempfile::Builder::new().prefix("berth-e2e-").tempdir_in("/var/tmp");
    made.expect("a temporary directory can be made")
}
