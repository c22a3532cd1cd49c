//! Making containers for tests.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use container::client::{ClientError, ShimClient, ShimProcess, spawn};
use container::protocol::{
    AttachStreams, ExecKind, ExitRecord, InitKind, Kind, LogConfig, Rootfs, Runtime, ShimConfig, State,
    StdinPolicy, StreamName, frame,
};
use oci_spec::runtime::{Process, Spec};

/// Who makes the containers of a test.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Maker {
    BuiltIn,
    External(&'static str),
}

impl Maker {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "built_in",
            Self::External(program) => program,
        }
    }

    pub(crate) fn is_available(self) -> bool {
        match self {
            Self::BuiltIn => true,
            // It refuses to work with both versions of control groups at once.
            Self::External("crun") if Path::new("/sys/fs/cgroup/unified").exists() => false,
            Self::External(program) => ["/usr/bin", "/usr/sbin", "/usr/local/bin"]
                .iter()
                .any(|dir| Path::new(dir).join(program).exists()),
        }
    }

    fn runtime(self) -> Runtime {
        match self {
            Self::BuiltIn => Runtime::BuiltIn,
            Self::External(program) => Runtime::External(program.into()),
        }
    }
}

/// A container to be made; everything is removed when it is dropped.
pub(crate) struct Fixture {
    dir: PathBuf,
    pub(crate) config: ShimConfig,
}

impl Fixture {
    /// A container that runs `/box WORDS`.
    pub(crate) fn new(maker: Maker, words: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("t{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&id);
        for name in ["run", "layers/base/etc", "upper", "work", "rootfs"] {
            std::fs::create_dir_all(dir.join(name)).unwrap();
        }
        std::fs::hard_link(std::env::current_exe().unwrap(), dir.join("layers/base/box")).unwrap();
        let init = InitKind {
            spec: spec(&dir.join("rootfs"), &id, words),
            rootfs: Rootfs::Overlay {
                layers_dir: dir.join("layers"),
                lower: vec!["base".into()],
                upper: dir.join("upper"),
                work: dir.join("work"),
                volatile: false,
            },
            use_init: false,
        };
        let config = ShimConfig {
            id,
            run_dir: dir.join("run"),
            kind: Kind::Init(Box::new(init)),
            console_size: None,
            stdin: StdinPolicy::Closed,
            log: None,
            runtime: maker.runtime(),
        };
        Self { dir, config }
    }

    pub(crate) fn run_dir(&self) -> &Path {
        &self.config.run_dir
    }

    pub(crate) fn spec(&mut self) -> &mut Spec {
        match &mut self.config.kind {
            Kind::Init(init) => &mut init.spec,
            Kind::Exec(_) => unreachable!("a fixture is a container"),
        }
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        self.spec().process_mut().as_mut().unwrap()
    }

    pub(crate) fn with_stdin(mut self, policy: StdinPolicy) -> Self {
        self.config.stdin = policy;
        self
    }

    pub(crate) fn with_terminal(mut self) -> Self {
        self.process().set_terminal(Some(true));
        self
    }

    pub(crate) fn with_log(mut self) -> Self {
        let path = self.dir.join("log.json");
        self.config.log = Some(LogConfig { path, max_size: None, max_file: 0, attrs: Default::default() });
        self
    }

    /// Lets what the container writes be lost in a crash of the machine.
    pub(crate) fn with_volatile_layer(mut self) -> Self {
        let Kind::Init(init) = &mut self.config.kind else { unreachable!("a fixture is a container") };
        let Rootfs::Overlay { volatile, .. } = &mut init.rootfs else { unreachable!("a fixture has layers") };
        *volatile = true;
        self
    }

    /// Puts so many more layers, with names as long as digests, on top of the first one.
    pub(crate) fn with_layers(mut self, count: usize) -> Self {
        let Kind::Init(init) = &mut self.config.kind else { unreachable!("a fixture is a container") };
        let Rootfs::Overlay { lower, .. } = &mut init.rootfs else { unreachable!("a fixture has layers") };
        for n in 0..count {
            let name = format!("{n:064x}");
            std::fs::create_dir(self.dir.join("layers").join(&name)).unwrap();
            lower.insert(0, name.into());
        }
        self
    }

    /// The log's texts of a stream, joined.
    pub(crate) fn logged(&self, stream: StreamName) -> String {
        let text = std::fs::read_to_string(&self.config.log.as_ref().unwrap().path).unwrap();
        let entries = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let entries = entries.filter(|entry| entry["stream"] == stream.as_str());
        entries.map(|entry| entry["log"].as_str().unwrap().to_owned()).collect()
    }

    /// An exec of `/box WORDS` in a container of this fixture.
    pub(crate) fn exec_config(&self, target: &State, words: &[&str]) -> ShimConfig {
        let Kind::Init(init) = &self.config.kind else { unreachable!("a fixture is a container") };
        let mut process = init.spec.process().clone().unwrap();
        process.set_args(Some(args(words)));
        let run_dir = self.dir.join("exec");
        std::fs::create_dir_all(&run_dir).unwrap();
        let exec = ExecKind {
            container: self.config.id.clone(),
            container_dir: self.config.run_dir.clone(),
            target: target.process,
            spec: init.spec.clone(),
            process,
        };
        ShimConfig { run_dir, kind: Kind::Exec(Box::new(exec)), log: None, ..self.config.clone() }
    }

    /// Creates the container.
    pub(crate) fn create(&self) -> Running {
        Running::create(&self.config).unwrap()
    }

    /// Creates and starts the container and waits for its end.
    pub(crate) fn run(&self) -> ExitRecord {
        self.create().start().wait()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.dir).unwrap();
        }
    }
}

fn args(words: &[&str]) -> Vec<String> {
    ["/box"].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

fn spec(rootfs: &Path, id: &str, words: &[&str]) -> Spec {
    let mut spec = Spec::default();
    spec.set_hostname(Some("box".into()));
    spec.root_mut().as_mut().unwrap().set_path(rootfs.to_owned()).set_readonly(Some(false));
    spec.linux_mut().as_mut().unwrap().set_cgroups_path(Some(format!("/berth-test/{id}").into()));
    spec.process_mut().as_mut().unwrap().set_args(Some(args(words)));
    spec
}

/// A shim at work.
pub(crate) struct Running {
    pub(crate) control: ShimClient,
    pub(crate) state: State,
    run_dir: PathBuf,
}

impl Running {
    pub(crate) fn create(config: &ShimConfig) -> Result<Self, ClientError> {
        let mut control = spawn(&std::env::current_exe().unwrap(), config).unwrap();
        let created = control.created();
        match created {
            Ok(state) => Ok(Self { control, state, run_dir: config.run_dir.clone() }),
            Err(error) => {
                hang_up(control).wait().unwrap();
                Err(error)
            }
        }
    }

    pub(crate) fn start(mut self) -> Self {
        self.state = self.control.start().unwrap();
        self
    }

    /// One more connection to the shim.
    pub(crate) fn connect(&self) -> ShimClient {
        ShimClient::connect(&self.run_dir).unwrap()
    }

    /// The container's streams.
    pub(crate) fn attach(&self, stdin: bool) -> UnixStream {
        self.connect().attach(AttachStreams { stdin, stdout: true, stderr: true }).unwrap()
    }

    /// Waits for the container's end, and the shim's.
    pub(crate) fn wait(mut self) -> ExitRecord {
        let record = self.control.wait().unwrap();
        assert!(hang_up(self.control).wait().unwrap().success());
        record
    }
}

/// Closes a control connection.
pub(crate) fn hang_up(control: ShimClient) -> ShimProcess {
    control.into_parts().1.unwrap()
}

/// Reads frames to the end of the stream: what came on standard output and on standard error.
pub(crate) fn read_frames(mut stream: impl Read) -> (String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut header = [0; frame::HEADER];
    while stream.read_exact(&mut header).is_ok() {
        let (name, length) = frame::parse_header(header).unwrap();
        let out = match name {
            StreamName::Stdout => &mut stdout,
            StreamName::Stderr => &mut stderr,
        };
        let read = (&mut stream).take(length.into()).read_to_end(out).unwrap();
        assert_eq!(read, length as usize, "a frame is whole");
    }
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

impl Running {
    /// Starts it; when that fails, waits for the shim to leave.
    pub(crate) fn start_fallible(mut self) -> Result<(), ClientError> {
        let started = self.control.start();
        if started.is_ok() {
            self.kill();
            return Ok(());
        }
        hang_up(self.control).wait().unwrap();
        started.map(drop)
    }

    /// The shim's private memory in KiB.
    pub(crate) fn private_memory(&self) -> u64 {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.state.shim.pid)).unwrap();
        let lines = rollup.lines().filter(|line| line.starts_with("Private_"));
        lines.map(|line| line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Kills everything and waits for the end.
    pub(crate) fn kill(self) {
        let kill = container::protocol::Request::Signal { signal: 9, all: true };
        self.connect().request(&kill).unwrap();
        self.wait();
    }
}
