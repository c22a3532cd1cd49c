//! Many clients, and clients that misbehave: the engine stays small, answers the others, and lets go of what is given up.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Raw, eventually, images};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const CLIENTS: usize = 200;
const MEMORY_LIMIT_KIB: u64 = 100 * 1024;
const ANSWER_LIMIT: Duration = Duration::from_millis(50);
const MEASURED: usize = 101;
/// Pairs of events that nobody reads.
const EVENTS: usize = 1000;
/// How much longer an answer may take than on the idle engine, where that is more than the bound.
const BUSY: u32 = 5;

struct Engine {
    socket: PathBuf,
    pid: u32,
}

impl Engine {
    fn of(host: &Host) -> Self {
        Self { socket: host.socket(), pid: host.engine_pid().expect("an engine runs") }
    }

    fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the engine lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells");
        line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).expect("the engine lives").count()
    }

    /// The median of many answers' times, and the greatest size seen meanwhile.
    fn measure(&self) -> (Duration, u64) {
        let mut largest = 0;
        let mut times: Vec<Duration> = (0..MEASURED)
            .map(|_| {
                let begun = Instant::now();
                assert_eq!(Raw::new(&self.socket).get("/containers/json?all=1").status(), Some(200));
                largest = largest.max(self.resident_kib());
                begun.elapsed()
            })
            .collect();
        times.sort();
        (times[MEASURED / 2], largest)
    }

    /// The bounds of the requirement. `idle` is what an answer takes when nobody else asks: on a machine that is busy with
    /// other things, the bound is a multiple of that.
    fn is_well(&self, when: &str, idle: Duration) {
        let (median, resident) = self.measure();
        let limit = ANSWER_LIMIT.max(idle * BUSY);
        assert!(median < limit, "{when}: half the answers took longer than {median:?} (idle: {idle:?})");
        assert!(resident < MEMORY_LIMIT_KIB, "{when}: {resident} KiB are resident");
    }
}

fn host_with_containers() -> Host {
    let host = Host::new();
    images::tiny(&host);
    host.ok("run -d --name quiet tiny sleep 1000");
    host.berth([
        "run",
        "-d",
        "--name",
        "loud",
        "--log-opt",
        "max-size=1m",
        "tiny",
        "sh",
        "-c",
        "yes some text",
    ])
    .ok();
    host
}

/// What a client does that is killed in the middle.
fn begin(socket: &Path, number: usize) -> Raw {
    let mut client = Raw::new(socket);
    let put = "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nhalf a chunk";
    match number % 8 {
        0 => client.get("/containers/loud/logs?stdout=1&follow=1"),
        1 => client.get("/containers/quiet/stats"),
        2 => client.send(b"POST /containers/quiet/wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
        3 => client.get("/events"),
        4 => client.send(format!("POST /build?t=never HTTP/1.1\r\n{put}").as_bytes()),
        5 => client.send(format!("PUT /containers/quiet/archive?path=/tmp HTTP/1.1\r\n{put}").as_bytes()),
        6 => client.send(format!("POST /containers/create HTTP/1.1\r\n{put}").as_bytes()),
        _ => client.send(b"POST /containers/quiet/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
    };
    client
}

#[test]
fn two_hundred_clients_of_which_half_are_killed() {
    let host = host_with_containers();
    let engine = Engine::of(&host);
    let (idle, _) = engine.measure();
    let descriptors = engine.descriptors();
    let socket = &engine.socket;
    std::thread::scope(|scope| {
        for number in 0..CLIENTS / 2 {
            scope.spawn(move || drop(begin(socket, number)));
            scope.spawn(move || {
                for path in
                    ["/containers/json", "/containers/quiet/json", "/images/json", "/networks", "/info"]
                {
                    assert_eq!(Raw::new(socket).get(path).status(), Some(200), "{path}");
                }
            });
        }
    });
    engine.is_well("after the clients", idle);
    eventually("what killed clients had asked for has ended", || engine.descriptors() <= descriptors + 2);
    assert!(!host.ok("images").contains("never"));
}

#[test]
fn readers_that_never_read_hold_nobody_up() {
    let host = host_with_containers();
    let engine = Engine::of(&host);
    let (idle, _) = engine.measure();
    let descriptors = engine.descriptors();
    let stuck: Vec<Raw> = (0..CLIENTS / 2)
        .map(|number| {
            let mut client = Raw::new(&engine.socket);
            match number % 5 {
                0 => client.get("/containers/loud/logs?stdout=1&follow=1"),
                1 => client.get("/containers/quiet/export"),
                2 => client.get("/events"),
                3 => client.get("/containers/loud/stats"),
                _ => client.send(b"POST /containers/loud/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
            };
            client
        })
        .collect();
    // More than fits into what waits for a reader of events.
    for number in 0..EVENTS {
        let renamed =
            Raw::new(&engine.socket).post(&format!("/containers/quiet/rename?name=q{number}"), "").status();
        assert_eq!(renamed, Some(204));
        let back =
            Raw::new(&engine.socket).post(&format!("/containers/q{number}/rename?name=quiet"), "").status();
        assert_eq!(back, Some(204));
    }
    engine.is_well("beside readers that never read", idle);
    drop(stuck);
    eventually("their streams have ended", || engine.descriptors() <= descriptors + 2);
}

#[test]
fn malformed_requests_are_refused_and_harm_nobody() {
    let host = host_with_containers();
    let engine = Engine::of(&host);
    let (idle, _) = engine.measure();
    let descriptors = engine.descriptors();
    let header = format!("GET /info HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("GET /info HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: a\r\n".repeat(1 << 16));
    let wrong: [&[u8]; 6] = [
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnonsense\r\n0\r\n\r\n",
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting",
        header.as_bytes(),
        many.as_bytes(),
    ];
    for request in wrong {
        let mut client = Raw::new(&engine.socket);
        client.send(request).end();
        let status = client.status();
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?}");
    }
    // Bodies that stop, of all kinds and many at once; the others are answered meanwhile.
    let stopped: Vec<Raw> = (0..CLIENTS)
        .map(|number| {
            let mut client = Raw::new(&engine.socket);
            let path = ["/containers/create", "/build", "/networks/create", "/berth/build"][number % 4];
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n");
            client.send(head.as_bytes()).send(&[b' '; 60 << 10]);
            client
        })
        .collect();
    engine.is_well("beside bodies that stop", idle);
    host.ok("run --rm tiny true");
    drop(stopped);
    eventually("their connections have ended", || engine.descriptors() <= descriptors + 2);
}
