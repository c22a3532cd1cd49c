//! The service against real Redis and ClickHouse, in fair weather.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use support::{Answer, ClickHouse, Lookup, Redis, Scripted, all_installed, eventually, get};

struct World {
    redis: Redis,
    lookup: Lookup,
    paste: Scripted,
    _clickhouse: ClickHouse,
    _dir: tempfile::TempDir,
}

fn world(kind: &str) -> World {
    let dir = tempfile::tempdir().unwrap();
    let (redis, clickhouse) = (Redis::start(dir.path()), ClickHouse::start(dir.path()));
    let paste = Scripted::start(Answer::Url);
    let lookup =
        Lookup::new(dir.path(), &[&redis], &clickhouse, &paste.url()).with("LOOKUP_QUEUE_KIND", kind);
    lookup.ok("seed --rows 1000");
    World { redis, lookup, paste, _clickhouse: clickhouse, _dir: dir }
}

#[test]
fn every_known_device_of_a_list_has_its_url() {
    if !all_installed() {
        return;
    }
    let World { redis, lookup, paste, .. } = &world("list");
    lookup.ok("seed --rows 1000");
    lookup.ok("enqueue --count 500 --hit-ratio 0.4 --prefix a");
    let service = lookup.serve();
    eventually("the queue is empty", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 200);
    assert_eq!(paste.posts(), 200);
    lookup.ok("enqueue --count 500 --hit-ratio 0.4 --prefix a");
    eventually("the queue is empty again", || redis.left() == 0);
    assert_eq!((lookup.saved().len(), paste.posts()), (200, 200), "what is saved is not sent again");
    assert_eq!(lookup.ok("results --count").trim(), "200");
    assert_eq!(service.terminate(), Some(0));
    assert_eq!(redis.ask::<usize>(&["HLEN", "lookup:workers"]), 0, "it signed off");
}

#[test]
fn every_known_device_of_a_stream_has_its_url() {
    if !all_installed() {
        return;
    }
    let World { redis, lookup, paste, .. } = &world("stream");
    lookup.ok("enqueue --count 300 --hit-ratio 0.5");
    redis.ask::<String>(&["XADD", "lookup", "*", "id", "x", "ipv4", "1.2.3", "mac", "00:00:00:00:00:00"]);
    let service = lookup.serve();
    eventually("the stream is empty", || redis.ask::<usize>(&["XLEN", "lookup"]) == 0);
    assert_eq!((lookup.saved().len(), paste.posts()), (150, 150));
    assert!(lookup.ok("dead-letters list").contains("\"1.2.3\" is not an IPv4 address"));
    assert_eq!(service.terminate(), Some(0));
}

#[test]
fn malformed_tasks_are_dead_letters_and_block_nothing() {
    if !all_installed() {
        return;
    }
    let World { redis, lookup, .. } = &world("list");
    for entry in ["rubbish", "{}", r#"{"id":"a","ipv4":"1.2.3.4","mac":"x"}"#] {
        redis.ask::<usize>(&["LPUSH", "lookup", entry]);
    }
    lookup.ok("enqueue --count 10 --hit-ratio 1");
    let service = lookup.serve();
    eventually("the queue is empty", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 10);
    let letters = lookup.ok("dead-letters list");
    assert_eq!(letters.lines().count(), 3, "{letters}");
    assert!(letters.contains("\"x\" is not a MAC address") && letters.contains("rubbish"), "{letters}");
    assert!(lookup.ok("dead-letters retry").starts_with("3 tasks"));
    eventually("they die again", || redis.ask::<usize>(&["LLEN", "lookup:dead"]) == 3 && redis.left() == 0);
    drop(service);
}

#[test]
fn an_account_is_told_over_http() {
    if !all_installed() {
        return;
    }
    let World { lookup, .. } = &world("list");
    let accounts = lookup::Accounts::new(1);
    let service = lookup.serve();
    let (device, bare) = (accounts.device(7), accounts.device(7).mac.to_string().replace(':', ""));
    for mac in [device.mac.to_string(), bare.to_uppercase()] {
        let (status, body) = get(service.port, &format!("/users/{};{mac}", device.ipv4)).unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["username"].as_str()), (200, Some(&*accounts.username(7))));
    }
    let unknown = accounts.unknown_device(7);
    let status = |path: String| get(service.port, &path).unwrap().0;
    assert_eq!(status(format!("/users/{};{}", unknown.ipv4, unknown.mac)), 404);
    assert_eq!(status("/users/10.0.0.256;00:00:00:00:00:00".to_owned()), 400);
    assert_eq!(status("/users/10.0.0.1".to_owned()), 400);
    assert_eq!(service.metric("lookup_users_requests_total{found=\"Yes\"}"), 2.0);
    assert_eq!(service.metric("lookup_clickhouse_up"), 1.0);
}
