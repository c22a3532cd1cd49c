//! Redis fails over, with each kind of queue: every id is accounted for afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use support::{Answer, Lookup, Redis, Signal, World, eventually, sentinel};

const TASKS: usize = 3000;
/// Of each test's tasks, so many are malformed: dead letters must not be lost either.
const MALFORMED: usize = 30;

/// A world with a replica, both full of tasks.
fn world(kind: &'static str) -> Option<(World, Redis)> {
    let mut world = World::new(kind, Answer::Url)?;
    let replica = Redis::replica_of(&world.redis);
    let World { redis, clickhouse, paste, lookup, dir, .. } = &mut world;
    lookup.ok(&format!("enqueue --count {TASKS} --hit-ratio 0.5"));
    for number in 0..MALFORMED {
        let rubbish = format!("rubbish {number}");
        match kind {
            "list" => redis.ask::<()>(&["RPUSH", "lookup", &rubbish]),
            _ => redis.ask::<()>(&["XADD", "lookup", "*", "task", &rubbish]),
        }
    }
    *lookup = Lookup::new(dir.path(), &[redis, &replica], clickhouse, &paste.url())
        .with("LOOKUP_QUEUE_KIND", kind)
        .with("REDIS_TIMEOUT", "1");
    eventually("the replica has all", || replica.left() == TASKS + MALFORMED);
    Some((world, replica))
}

/// Every task is done, by the new primary's account.
fn accounted_for(world: &World, primary: &Redis) {
    eventually("every task is done", || primary.left() == 0);
    assert_eq!(world.lookup.saved().len(), TASKS / 2);
    let letters: std::collections::BTreeSet<String> = world
        .lookup
        .ok("dead-letters list")
        .lines()
        .map(|line| line.rsplit_once('\t').unwrap().1.to_owned())
        .collect();
    assert_eq!(letters.len(), MALFORMED, "{letters:?}");
}

/// The primary dies in the middle of the work.
fn died(kind: &'static str) {
    let Some((mut world, replica)) = world(kind) else { return };
    let _service = world.lookup.serve();
    eventually("some are saved", || world.lookup.saved_count() > 100);
    world.redis.kill();
    replica.ask::<String>(&["REPLICAOF", "NO", "ONE"]);
    accounted_for(&world, &replica);
}

#[test]
fn the_primary_of_a_list_dies() {
    died("list");
}

#[test]
fn the_primary_of_a_stream_dies() {
    died("stream");
}

/// The primary stays and becomes the replica: its connections stay too.
fn switched_over(kind: &'static str) {
    let Some((world, replica)) = world(kind) else { return };
    let _service = world.lookup.serve();
    eventually("some are saved", || world.lookup.saved_count() > 100);
    world.redis.ask::<String>(&["FAILOVER"]);
    eventually("the replica is the primary", || replica.is_primary());
    accounted_for(&world, &replica);
}

#[test]
fn the_primary_of_a_list_becomes_a_replica() {
    switched_over("list");
}

#[test]
fn the_primary_of_a_stream_becomes_a_replica() {
    switched_over("stream");
}

/// The primary hangs: its connections stay and nothing is answered. Sentinel promotes the replica, and makes the old
/// primary a replica when it goes on.
fn hung(kind: &'static str) {
    let Some((world, replica)) = world(kind) else { return };
    let _sentinel = sentinel(&world.redis);
    let service = world.lookup.serve();
    eventually("some are saved", || world.lookup.saved_count() > 100);
    world.redis.signal(Signal::STOP);
    eventually("the replica is the primary", || replica.is_primary());
    eventually("work goes on", || replica.left() < 100);
    world.redis.signal(Signal::CONT);
    eventually("the old primary follows", || !world.redis.is_primary());
    accounted_for(&world, &replica);
    eventually("it is ready again", || service.ready());
}

#[test]
fn the_primary_of_a_list_hangs() {
    hung("list");
}

#[test]
fn the_primary_of_a_stream_hangs() {
    hung("stream");
}
