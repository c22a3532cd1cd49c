//! Real servers for the tests: Debian's redis-server and clickhouse-server, each test with its own.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test uses some of it")]

mod clickhouse;
mod clock;
mod lookup;
mod proxy;
mod redis_server;
mod scripted;
mod world;

pub use clickhouse::ClickHouse;
pub use clock::Clock;
pub use lookup::{Lookup, Results, Running};
pub use proxy::{Mode, Proxy};
pub use redis_server::{Redis, sentinel};
pub use rustix::process::Signal;
pub use scripted::{Answer, Scripted};
pub use world::{KINDS, World};

use rustix::process::Pid;
use std::{
    net::TcpListener,
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

/// A process that is killed when the test ends.
pub struct Server(pub Child);

impl Server {
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a program is there. Without it the test says so loudly and does nothing; on CI it fails.
pub fn installed(program: &str) -> bool {
    let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/bin";
    let found = paths.split(':').any(|dir| Path::new(dir).join(program).is_file());
    if !found {
        assert!(
            std::env::var("CI").is_err(),
            "{program} is not installed: run scripts/install-packages test"
        );
        eprintln!("\n*** NOT TESTED: {program} is not installed (scripts/install-packages test) ***\n");
    }
    found
}

pub fn all_installed() -> bool {
    installed("redis-server") && installed("clickhouse-server")
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until a condition holds; panics when it does not within two minutes.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The status and body of a GET.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
