//! The service against real Redis and ClickHouse, in foul weather: every id is accounted for afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use support::{Answer, ClickHouse, Lookup, Redis, Scripted, all_installed, eventually};

fn paste_for(dir: &std::path::Path, answer: Answer) -> (Redis, ClickHouse, Scripted, Lookup) {
    let (redis, clickhouse, paste) = (Redis::start(dir), ClickHouse::start(dir), Scripted::start(answer));
    let lookup = Lookup::new(dir, &[&redis], &clickhouse, &paste.url());
    lookup.ok("seed --rows 1000");
    (redis, clickhouse, paste, lookup)
}

#[test]
fn an_outage_of_each_dependency_is_waited_for() {
    if !all_installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut redis, mut clickhouse, paste, lookup) = paste_for(dir.path(), Answer::HangUp);
    lookup.ok("enqueue --count 500 --hit-ratio 1");
    let service = lookup.serve_unready();
    eventually("the paste service counts as down", || {
        service.metric("lookup_paste_up") == 0.0 && !service.ready()
    });
    for answer in
        [Answer::Status(503, "Retry-After: 1", "busy"), Answer::Status(429, "Retry-After: 1", "too many")]
    {
        let before = paste.posts();
        paste.now(answer);
        eventually("it is tried again", || paste.posts() > before);
    }
    assert_eq!(lookup.saved_count(), 0);
    assert_eq!(redis.ask::<usize>(&["LLEN", "lookup:dead"]), 0);
    clickhouse.kill();
    redis.kill();
    paste.now(Answer::Url);
    eventually("both count as down", || {
        service.metric("lookup_redis_up") == 0.0 && service.metric("lookup_clickhouse_up") == 0.0
    });
    redis.up(&[]);
    clickhouse.up();
    eventually("every task is done", || lookup.saved_count() >= 500 && redis.left() == 0);
    assert_eq!(lookup.saved().len(), 500);
    eventually("it is ready again", || service.ready());
}

#[test]
fn rubbish_answers_end_as_dead_letters_that_can_be_tried_again() {
    if !all_installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (redis, _clickhouse, paste, lookup) =
        paste_for(dir.path(), Answer::Status(200, "", "Bad API request, api_paste_code was empty"));
    lookup.ok("enqueue --count 20 --hit-ratio 1");
    let _service = lookup.serve_unready();
    eventually("they are given up", || redis.ask::<usize>(&["LLEN", "lookup:dead"]) == 20);
    assert!(lookup.ok("dead-letters list").contains("api_paste_code was empty"));
    paste.now(Answer::Url);
    lookup.ok("dead-letters retry");
    eventually("they are saved", || lookup.saved_count() == 20 && redis.left() == 0);
}
