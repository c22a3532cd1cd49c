use super::{Clock, Server, Signal, eventually, free_port};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
    rc::Rc,
};

/// A redis-server of a test, with its data on disk.
pub struct Redis {
    pub port: u16,
    directory: PathBuf,
    server: Option<Server>,
    clock: Option<Rc<Clock>>,
}

impl Redis {
    pub fn start(directory: &std::path::Path) -> Self {
        Self::with_clock(directory, None)
    }

    pub fn with_clock(directory: &std::path::Path, clock: Option<Rc<Clock>>) -> Self {
        let directory = directory.join(format!("redis-{}", free_port()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut redis = Self { port: free_port(), directory, server: None, clock };
        redis.up(&[]);
        redis
    }

    pub fn replica_of(primary: &Self) -> Self {
        let directory = primary.directory.with_extension("replica");
        std::fs::create_dir_all(&directory).unwrap();
        let mut redis = Self { port: free_port(), directory, server: None, clock: None };
        redis.up(&["--replicaof", "127.0.0.1", &primary.port.to_string()]);
        eventually("the replica follows", || redis.info("master_link_status") == "up");
        redis
    }

    /// Starts it (again) on its data.
    pub fn up(&mut self, more: &[&str]) {
        let port = self.port.to_string();
        let child = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--repl-diskless-sync-delay", "0", "--dir"])
            .arg(&self.directory)
            .args(more)
            .envs(self.clock.iter().flat_map(|clock| clock.environment()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.server = Some(Server(child));
        eventually("redis answers", || self.try_ask::<String>(&["PING"]).is_ok_and(|pong| pong == "PONG"));
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.server.as_ref().unwrap().signal(signal);
    }

    pub fn is_primary(&self) -> bool {
        self.info("role") == "master"
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        self.server = None;
    }

    pub fn try_ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.port))?;
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        command.query(&mut client.get_connection()?)
    }

    #[track_caller]
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap()
    }

    fn info(&self, key: &str) -> String {
        let text: String = self.try_ask(&["INFO", "replication"]).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap_or_default().to_owned()
    }

    /// Entries in the queue and in the hands of workers, at one instant.
    pub fn left(&self) -> usize {
        self.try_ask(&["EVAL", LEFT, "0"]).unwrap_or(usize::MAX)
    }
}

/// Redis Sentinel, which watches a primary and promotes its replica after half a second without an answer.
pub fn sentinel(primary: &Redis) -> Server {
    let (port, config) = (free_port(), primary.directory.with_extension("sentinel"));
    let name = "queue";
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor {name} 127.0.0.1 {} 1\n\
         sentinel down-after-milliseconds {name} 500\nsentinel failover-timeout {name} 3000\n",
        primary.port
    );
    std::fs::write(&config, text).unwrap();
    let child =
        Command::new("redis-server").arg(&config).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap();
    let sentinel = Redis { port, directory: config, server: None, clock: None };
    eventually("sentinel knows the replica", || {
        let replicas = sentinel.try_ask::<Vec<redis::Value>>(&["SENTINEL", "REPLICAS", name]);
        replicas.is_ok_and(|replicas| replicas.len() == 1)
    });
    Server(child)
}

const LEFT: &str = "local left = 0
for _, key in ipairs(redis.call('KEYS', 'lookup:taken:*')) do left = left + redis.call('LLEN', key) end
if redis.call('TYPE', 'lookup').ok == 'stream' then return left + redis.call('XLEN', 'lookup') end
return left + redis.call('LLEN', 'lookup')";
