//! Workers that are killed, paused or stopped, with each kind of queue: every id is accounted for afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use support::{Answer, Running, Signal, World, eventually};

/// Kills workers one after the other, each a bit later in its work.
fn killed_at_any_point(kind: &'static str) {
    let Some(World { redis, paste, lookup, .. }) = &World::new(kind, Answer::Silence) else { return };
    lookup.ok("enqueue --count 2000 --hit-ratio 0.5");
    let until = |what: &str, condition: &dyn Fn(&Running) -> bool| {
        let service = lookup.serve_unready();
        eventually(what, || condition(&service));
        service.kill();
    };
    until("entries are taken", &|service| service.metric("lookup_tasks_taken_total") > 0.0);
    until("sends are under way", &|_| paste.posts() > 0);
    paste.now(Answer::Url);
    until("the first is saved", &|_| lookup.saved_count() > 0);
    until("some are saved", &|_| lookup.saved_count() > 200);
    let _last = lookup.serve();
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 1000);
}

#[test]
fn killed_workers_of_a_list_lose_nothing() {
    killed_at_any_point("list");
}

#[test]
fn killed_workers_of_a_stream_lose_nothing() {
    killed_at_any_point("stream");
}

/// A worker is paused in the middle of its sends until another has done its tasks.
fn paused(kind: &'static str) {
    let Some(world) = World::new(kind, Answer::Silence) else { return };
    let World { redis, paste, lookup, .. } = &world.with("PASTE_TIMEOUT", "1");
    lookup.ok("enqueue --count 300 --hit-ratio 1");
    let one = lookup.serve_unready();
    eventually("it sends all it can", || paste.posts() == 32);
    one.signal(Signal::STOP);
    paste.now(Answer::Url);
    let _two = lookup.serve();
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 300);
    let posts = paste.posts();
    one.signal(Signal::CONT);
    eventually("the paused worker has ended its tasks", || one.metric("lookup_tasks_in_flight") == 0.0);
    assert_eq!(paste.posts(), posts, "what is saved is not sent again");
    assert_eq!(lookup.saved().len(), 300);
    lookup.ok("enqueue --count 200 --hit-ratio 1");
    eventually("both go on", || redis.left() == 0 && lookup.saved_count() == 500);
}

#[test]
fn a_paused_worker_of_a_list_is_taken_over_and_sends_nothing_twice() {
    paused("list");
}

#[test]
fn a_paused_worker_of_a_stream_is_taken_over_and_sends_nothing_twice() {
    paused("stream");
}

#[test]
fn tasks_that_nobody_owns_are_taken_back() {
    let Some(World { redis, lookup, .. }) = &World::new("list", Answer::Url) else { return };
    lookup.ok("enqueue --count 20 --hit-ratio 1");
    // As if carried out by Redis for a worker that had given it up, and that had signed off since.
    for lane in ["0", "1"] {
        let taken = format!("lookup:taken:gone-1-abc/2:{lane}");
        for _ in 0..10 {
            redis.ask::<String>(&["LMOVE", "lookup", &taken, "RIGHT", "LEFT"]);
        }
    }
    let _service = lookup.serve();
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 20);
    let known: Vec<String> = redis.ask(&["HKEYS", "lookup:workers"]);
    assert!(known.iter().all(|worker| !worker.starts_with("gone")), "{known:?}");
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "lookup:taken:gone*"]).len(), 0);
}

/// A worker is told to stop while nothing can be sent.
fn stopped(kind: &'static str) {
    let Some(world) = World::new(kind, Answer::Silence) else { return };
    let World { redis, paste, lookup, .. } = &world.with("LOOKUP_DRAIN", "1");
    lookup.ok("enqueue --count 200 --hit-ratio 1");
    let service = lookup.serve_unready();
    eventually("sends are under way", || paste.posts() > 0);
    assert_eq!(service.terminate(), Some(0));
    assert_eq!(redis.left(), 200, "nothing has left the queue");
    assert_eq!(lookup.saved_count(), 0);
    paste.now(Answer::Url);
    let _service = lookup.serve();
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 200);
}

#[test]
fn what_a_stopped_worker_of_a_list_cannot_finish_stays_in_the_queue() {
    stopped("list");
}

#[test]
fn what_a_stopped_worker_of_a_stream_cannot_finish_stays_in_the_queue() {
    stopped("stream");
}

#[test]
fn a_stopped_worker_finishes_what_is_in_flight() {
    let Some(World { redis, paste, lookup, .. }) = &World::new("list", Answer::Held) else { return };
    lookup.ok("enqueue --count 20 --hit-ratio 1");
    let service = lookup.serve_unready();
    eventually("sends are under way", || paste.posts() == 20);
    service.signal(Signal::TERM);
    eventually("it is not ready any more", || service.stopping());
    paste.now(Answer::Url);
    assert_eq!(service.terminate(), Some(0));
    assert_eq!((lookup.saved().len(), redis.left()), (20, 0));
    assert_eq!(paste.posts(), 20, "each was sent once");
}
