//! A store, a context and a runner that needs no container.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use build::{
    BuildError, BuildEvent, BuildRequest, BuildResult, RunExit, RunStep, Runner, RunnerError, Stream,
};
use image::{Image, Store};

/// Runs commands with the host's shell in the upper directory, and keeps what it was asked for.
#[derive(Default)]
pub(crate) struct HostRunner {
    pub steps: Mutex<Vec<RunStep>>,
}

impl Runner for HostRunner {
    fn run(&self, step: &RunStep, output: &mut dyn FnMut(Stream, &[u8])) -> Result<RunExit, RunnerError> {
        self.steps.lock().unwrap().push(step.clone());
        let failed = |error: std::io::Error| RunnerError::Container(Box::new(error));
        let env = step.env.iter().filter_map(|entry| entry.split_once('='));
        let run = Command::new(&step.argv[0])
            .args(&step.argv[1..])
            .envs(env)
            .current_dir(&step.upper_dir)
            .stdin(Stdio::null())
            .output()
            .map_err(failed)?;
        output(Stream::Stdout, &run.stdout);
        output(Stream::Stderr, &run.stderr);
        Ok(RunExit { code: run.status.code().unwrap_or(137), oom_killed: false })
    }
}

pub(crate) struct Bench {
    pub dir: tempfile::TempDir,
    pub store: Store,
    pub runner: HostRunner,
    pub events: Vec<BuildEvent>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("context")).unwrap();
        let store = Store::open(dir.path().join("store")).unwrap();
        Self { dir, store, runner: HostRunner::default(), events: Vec::new() }
    }

    pub(crate) fn context(&self) -> PathBuf {
        self.dir.path().join("context")
    }

    pub(crate) fn write(&self, path: &str, content: &str) -> &Self {
        let path = self.context().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn request(&self, dockerfile: &str) -> BuildRequest {
        self.write("Dockerfile", dockerfile);
        BuildRequest::new(self.context())
    }

    pub(crate) fn try_request(&mut self, request: &BuildRequest) -> Result<BuildResult, BuildError> {
        let events = &mut self.events;
        events.clear();
        build::build(&self.store, &self.runner, &build::Offline, request, &mut |event| events.push(event))
    }

    pub(crate) fn try_build(&mut self, dockerfile: &str) -> Result<BuildResult, BuildError> {
        let request = self.request(dockerfile);
        self.try_request(&request)
    }

    pub(crate) fn build(&mut self, dockerfile: &str) -> BuildResult {
        self.try_build(dockerfile).unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// Builds and tags.
    pub(crate) fn build_as(&mut self, tag: &str, dockerfile: &str) -> BuildResult {
        let mut request = self.request(dockerfile);
        request.tags = vec![tag.to_owned()];
        self.try_request(&request).unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    pub(crate) fn image(&self, result: &BuildResult) -> std::sync::Arc<Image> {
        self.store.resolve(&result.image).unwrap()
    }

    /// Where a path of the image is on the host: in its topmost layer that has it.
    pub(crate) fn path(&self, result: &BuildResult, path: &str) -> Option<PathBuf> {
        let dirs = self.store.lower_dirs(&self.image(result));
        dirs.iter().map(|dir| dir.join(path)).find(|path| path.symlink_metadata().is_ok())
    }

    pub(crate) fn read(&self, result: &BuildResult, path: &str) -> String {
        let found = self.path(result, path).unwrap_or_else(|| panic!("{path} is not in the image"));
        fs::read_to_string(found).unwrap()
    }

    /// How many commands were run so far.
    pub(crate) fn runs(&self) -> usize {
        self.runner.steps.lock().unwrap().len()
    }

    /// Nothing half-made is left, once the store has written in the background what it was given.
    pub(crate) fn assert_tidy(&self) {
        self.store.sync().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !self.leftovers().is_empty() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(self.leftovers(), Vec::<std::ffi::OsString>::new());
        assert!(self.store.verify().unwrap().is_empty());
    }

    fn leftovers(&self) -> Vec<std::ffi::OsString> {
        let sessions = fs::read_dir(self.store.root().join("tmp")).unwrap();
        let entries = sessions.flat_map(|session| fs::read_dir(session.unwrap().path()).unwrap());
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.filter(|name| name != "owner" && name != "leases").collect()
    }
}

/// An error with everything behind it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!("\ncaused by: {error}");
        next = error.source();
    }
    text
}

/// Owner, group and permission bits.
pub(crate) fn owner_and_mode(path: &Path) -> (u32, u32, u32) {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid(), meta.mode() & 0o7777)
}
