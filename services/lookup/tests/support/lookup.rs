use rustix::process::Signal;

use super::{ClickHouse, Redis, Server, eventually, free_port, get};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How the program under test is called.
pub struct Lookup {
    redis: Vec<u16>,
    clickhouse: String,
    paste: String,
    pub results: PathBuf,
    more: Vec<(&'static str, String)>,
}

/// What a results file holds.
pub type Results = BTreeMap<String, String>;

/// A service that runs.
pub struct Running {
    pub server: Server,
    pub port: u16,
}

impl Lookup {
    pub fn new(directory: &Path, redis: &[&Redis], clickhouse: &ClickHouse, paste: &str) -> Self {
        Self {
            redis: redis.iter().map(|redis| redis.port).collect(),
            clickhouse: clickhouse.url(),
            paste: paste.to_owned(),
            results: directory.join("results.jsonl"),
            more: Vec::new(),
        }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.more.push((name, value.to_owned()));
        self
    }

    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lookup"));
        let servers: Vec<_> = self.redis.iter().map(|port| format!("redis://127.0.0.1:{port}")).collect();
        command
            .args(words.split_whitespace())
            .env("REDIS_URL", servers.join(","))
            .env("CLICKHOUSE_URL", &self.clickhouse)
            .env("PASTE_URL", &self.paste)
            .env("PASTE_KEY", "key")
            .env("LOOKUP_RESULTS", &self.results)
            .env("PASTE_SENDS", "32")
            .env("LOOKUP_LEASE", "3")
            .env("LOOKUP_BATCH", "50")
            .envs(self.more.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end, which must be success; what it printed.
    #[track_caller]
    pub fn ok(&self, words: &str) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the service and waits until it is ready.
    pub fn serve(&self) -> Running {
        let running = self.serve_unready();
        eventually("the service is ready", || running.ready());
        running
    }

    pub fn serve_unready(&self) -> Running {
        let port = free_port();
        let mut command = self.command("serve");
        command.env("LOOKUP_LISTEN", format!("127.0.0.1:{port}")).stdout(Stdio::null());
        let running = Running { server: Server(command.spawn().unwrap()), port };
        eventually("the service lives", || get(port, "/healthz").is_some_and(|(status, _)| status == 200));
        running
    }

    /// Results by id. Panics when an id is there twice.
    #[track_caller]
    pub fn saved(&self) -> Results {
        let text = std::fs::read_to_string(&self.results).unwrap_or_default();
        let mut saved = Results::new();
        for line in text.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let [id, url] = ["id", "url"].map(|key| record[key].as_str().unwrap().to_owned());
            assert_eq!(saved.insert(id.clone(), url), None, "{id} is there twice");
        }
        saved
    }

    pub fn saved_count(&self) -> usize {
        std::fs::read(&self.results).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
    }
}

impl Running {
    pub fn ready(&self) -> bool {
        get(self.port, "/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Whether it says that it is stopping.
    pub fn stopping(&self) -> bool {
        get(self.port, "/readyz")
            .is_some_and(|(status, body)| status == 503 && body.contains("\"stopping\":true"))
    }

    /// A metric's value.
    pub fn metric(&self, name: &str) -> f64 {
        let text = get(self.port, "/metrics").map(|(_, text)| text).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(-1.0)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.server.signal(signal);
    }

    /// Asks it to stop and waits; its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.server.0.wait().unwrap().code()
    }

    /// Seconds of processor time that it has taken so far.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }

    /// Kills it with SIGKILL.
    pub fn kill(self) {
        drop(self.server);
    }
}
