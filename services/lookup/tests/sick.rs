//! Dependencies that are there and sick: half-open, answering errors or rubbish. The queue waits, nothing spins, readiness
//! and metrics tell, and afterwards every id is accounted for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use support::{Answer, Lookup, Mode, Proxy, Running, World, eventually, get};

const TASKS: usize = 60;
/// Processor time that a waiting service may take, as a part of the time that passes.
const IDLE: f64 = 0.25;

/// A world whose `what` is reached through a proxy: the world, and the settings of the service.
fn world(kind: &'static str, what: &str) -> Option<(World, Lookup, Proxy)> {
    let world = World::new(kind, Answer::Url)?;
    let World { redis, clickhouse, paste, dir, .. } = &world;
    let (port, name) = match what {
        "redis" => (redis.port, "REDIS_URL"),
        "clickhouse" => (clickhouse.port, "CLICKHOUSE_URL"),
        _ => (paste.port, "PASTE_URL"),
    };
    let proxy = Proxy::before(port);
    let address = match what {
        "redis" => format!("redis://127.0.0.1:{}", proxy.port),
        "clickhouse" => format!("http://127.0.0.1:{}", proxy.port),
        _ => format!("http://127.0.0.1:{}/api/api_post.php", proxy.port),
    };
    let seen = Lookup::new(dir.path(), &[redis], clickhouse, &paste.url()).with("LOOKUP_QUEUE_KIND", kind);
    let seen = seen.with("REDIS_TIMEOUT", "1").with("CLICKHOUSE_TIMEOUT", "1").with("PASTE_TIMEOUT", "1");
    let seen = seen.with(name, &address);
    Some((world, seen, proxy))
}

/// The service says that it is not ready, lives, and does next to nothing until two more calls have failed.
fn waits(service: &Running, what: &str) {
    let up = format!("lookup_{what}_up");
    eventually(&format!("{what} counts as down"), || service.metric(&up) == 0.0 && !service.ready());
    assert!(get(service.port, "/readyz").unwrap().1.contains(what), "it says what is down");
    assert_eq!(get(service.port, "/healthz").unwrap().0, 200);
    let failures = || service.metric(&format!("lookup_{what}_failures_total"));
    let (start, cpu, before) = (std::time::Instant::now(), service.cpu(), failures());
    eventually("it is tried again", || failures() >= before + 2.0);
    let (took, cpu) = (start.elapsed().as_secs_f64(), service.cpu() - cpu);
    assert!(cpu / took < IDLE, "{cpu} s of processor time in {took} s");
}

/// The dependency falls sick in each of these ways, under load, and recovers.
fn withstands(kind: &'static str, what: &str, sicknesses: &[Mode]) {
    let Some((world, seen, proxy)) = world(kind, what) else { return };
    let service = seen.serve();
    for (number, sickness) in (1..).zip(sicknesses) {
        proxy.now(*sickness);
        world.lookup.ok(&format!("enqueue --count {TASKS} --hit-ratio 1"));
        waits(&service, what);
        assert!(world.redis.left() + world.dead() > 0, "what is not done is in Redis");
        proxy.now(Mode::Pass);
        let rescued = || world.lookup.ok("dead-letters retry").starts_with('0');
        eventually("every task is done", || world.redis.left() == 0 && rescued() && world.redis.left() == 0);
        assert_eq!(world.lookup.saved().len(), number * TASKS, "{sickness:?}");
    }
    eventually("it is ready again", || service.ready());
}

const LOADING: Mode = Mode::Say(b"-LOADING Redis is loading the dataset in memory\r\n");
const MISCONF: Mode = Mode::Say(b"-MISCONF Redis is configured to save RDB snapshots\r\n");
const READ_ONLY: Mode = Mode::Say(b"-READONLY You can't write against a read only replica.\r\n");

#[test]
fn redis_of_a_list() {
    withstands("list", "redis", &[Mode::Silence, LOADING, READ_ONLY, Mode::Say(b"rubbish\0\xff\r\n")]);
}

#[test]
fn redis_of_a_stream() {
    withstands("stream", "redis", &[Mode::Silence, MISCONF, Mode::Say(b":7\r\n")]);
}

const HTML: Mode = Mode::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>login</html>\r\n");
const BROKEN_OFF: Mode = Mode::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nipv4\tmac\tusername\n");
const BUSY: Mode = Mode::Say(b"HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");

#[test]
fn clickhouse() {
    withstands("list", "clickhouse", &[Mode::Silence, HTML, BROKEN_OFF, BUSY, Mode::Say(b"rubbish\r\n\r\n")]);
}

const TOO_MANY: Mode = Mode::Say(
    b"HTTP/1.1 429 x\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\n\
      Content-Length: 0\r\n\r\n",
);

#[test]
fn the_paste_service() {
    withstands("list", "paste", &[Mode::Silence, TOO_MANY, BROKEN_OFF]);
}

#[test]
fn a_paste_service_that_answers_rubbish_ends_as_dead_letters() {
    withstands("list", "paste", &[HTML, Mode::Say(b"rubbish\r\n\r\n")]);
}

/// A storm of 429: when one is told to stay away, the others stay away too.
#[test]
fn retry_after_holds_for_all_sends() {
    let busy = Answer::Status(429, "Retry-After: 3600", "too many");
    let Some(world) = World::new("list", busy) else { return };
    let World { paste, lookup, .. } = &world.with("PASTE_SENDS", "4");
    lookup.ok("enqueue --count 1000 --hit-ratio 1");
    let service = lookup.serve_unready();
    eventually("sending has stopped", || service.metric("lookup_paste_up") == 0.0);
    eventually("all is taken", || service.metric("lookup_tasks_in_flight") == 400.0);
    assert!((1..=4).contains(&paste.posts()), "{} sends of 1000", paste.posts());
}

/// Redis itself takes no writes, and answers reads.
fn takes_no_writes(kind: &'static str, forbid: &[&str], allow: &[&str]) {
    let Some(world) = World::new(kind, Answer::Url) else { return };
    let World { redis, lookup, .. } = &world;
    lookup.ok(&format!("enqueue --count {TASKS} --hit-ratio 1"));
    redis.ask::<String>(forbid);
    let service = lookup.serve_unready();
    waits(&service, "redis");
    redis.ask::<String>(allow);
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), TASKS);
}

#[test]
fn a_redis_without_memory() {
    takes_no_writes("list", &["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]);
}

#[test]
fn a_redis_without_enough_replicas() {
    let set = |count| ["CONFIG", "SET", "min-replicas-to-write", count];
    takes_no_writes("list", &set("1"), &set("0"));
    takes_no_writes("stream", &set("1"), &set("0"));
}
