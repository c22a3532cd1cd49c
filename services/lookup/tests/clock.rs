//! The clocks of Redis and ClickHouse are set, by hours, in the middle of the work. Every id is accounted for afterwards.
//!
//! The service itself asks its wall clock for nothing but the date of a dead letter; clippy.toml sees to that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use support::{Answer, World, eventually, get};

/// What Redis and ClickHouse say of their clock, in hours off this machine's.
#[expect(clippy::disallowed_methods, reason = "the clock is what is asked for")]
fn hours_off(world: &World) -> [i64; 2] {
    let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let [redis, _]: [i64; 2] = world.redis.ask(&["TIME"]);
    let (_, clickhouse) = get(world.clickhouse.port, "/?query=SELECT%20toUnixTimestamp(now())").unwrap();
    [redis, clickhouse.trim().parse().unwrap()].map(|seconds: i64| (seconds - here + 1800).div_euclid(3600))
}

/// Set ahead, everything looks as if it had been idle for hours: what the living hold is not taken from them.
fn set_ahead(kind: &'static str) {
    let Some((world, clock)) = World::with_clock(kind, Answer::Held) else { return };
    let World { redis, paste, lookup, .. } = &world;
    lookup.ok("enqueue --count 100 --hit-ratio 1");
    let one = lookup.serve_unready();
    eventually("it holds all", || one.metric("lookup_tasks_in_flight") == 100.0 && paste.posts() == 32);
    let two = lookup.serve();
    clock.set(5);
    assert_eq!(hours_off(&world), [5; 2]);
    let calls = two.metric("lookup_redis_calls_total");
    eventually("the other has looked around", || two.metric("lookup_redis_calls_total") > calls + 12.0);
    paste.now(Answer::Url);
    eventually("every task is done", || redis.left() == 0);
    assert_eq!((lookup.saved().len(), paste.posts()), (100, 100), "each was sent once");
    assert_eq!(two.metric("lookup_tasks_reclaimed_total"), 0.0);
    eventually("both are ready", || one.ready() && two.ready());
}

#[test]
fn clocks_are_set_ahead_with_a_list() {
    set_ahead("list");
}

#[test]
fn clocks_are_set_ahead_with_a_stream() {
    set_ahead("stream");
}

/// Set back, nothing looks idle for hours: what the dead held is taken over all the same.
fn set_back(kind: &'static str) {
    let Some((world, clock)) = World::with_clock(kind, Answer::Silence) else { return };
    let World { redis, paste, lookup, .. } = &world;
    lookup.ok("enqueue --count 100 --hit-ratio 1");
    let one = lookup.serve_unready();
    eventually("it holds all", || one.metric("lookup_tasks_in_flight") == 100.0);
    let _two = lookup.serve();
    one.kill();
    clock.set(-8);
    assert_eq!(hours_off(&world), [-8; 2]);
    paste.now(Answer::Url);
    lookup.ok("enqueue --count 100 --hit-ratio 1");
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 200);
}

#[test]
fn clocks_are_set_back_with_a_list() {
    set_back("list");
}

#[test]
fn clocks_are_set_back_with_a_stream() {
    set_back("stream");
}

/// Clocks jump to and fro while everything is under load.
fn jump_about(kind: &'static str) {
    let Some((world, clock)) = World::with_clock(kind, Answer::Url) else { return };
    let World { redis, lookup, .. } = &world;
    lookup.ok("enqueue --count 3000 --hit-ratio 0.5");
    let (_one, _two) = (lookup.serve(), lookup.serve());
    for (part, hours) in [3, -5, 30, 0].into_iter().enumerate() {
        eventually("work goes on", || lookup.saved_count() > part * 300);
        clock.set(hours);
    }
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 1500);
}

#[test]
fn clocks_jump_about_with_a_list() {
    jump_about("list");
}

#[test]
fn clocks_jump_about_with_a_stream() {
    jump_about("stream");
}
