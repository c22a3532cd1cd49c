//! How long a container's life under a shim takes, and what an idle shim weighs. Needs root.
//!
//! `cargo bench -p container --bench shim [-- runc]`
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, dead_code)]

#[path = "../tests/shim/fixture.rs"]
mod fixture;
#[path = "../tests/shim/program.rs"]
mod program;

use std::time::{Duration, Instant};

use fixture::{Fixture, Maker};

const ROUNDS: usize = 100;

fn main() {
    let mut args = std::env::args();
    match (args.next().as_deref(), args.next().as_deref()) {
        (Some("/box"), Some(word)) => program::main(word, args),
        (_, Some("shim")) => container::shim::main(),
        (_, Some("runc")) => measure(Maker::External("runc")),
        _ => measure(Maker::BuiltIn),
    }
}

fn measure(maker: Maker) {
    let rounds: Vec<[Duration; 4]> = (0..ROUNDS).map(|_| round(maker)).collect();
    // The best tenth tells what the work takes when nothing else runs.
    println!("{}, {ROUNDS} rounds: median, best tenth", maker.name());
    for (n, name) in ["spawned → created", "→ started", "→ ended, cleaned up", "in all"].iter().enumerate()
    {
        let mut times: Vec<Duration> = rounds.iter().map(|round| round[n]).collect();
        times.sort_unstable();
        let [median, best] = [2, 10].map(|part| times[ROUNDS / part].as_secs_f64() * 1e3);
        println!("  {name:<22}{median:>8.2} ms{best:>8.2} ms");
    }
    println!("  {:<22}{:>5} KiB", "idle shim, private", idle(maker));
}

fn round(maker: Maker) -> [Duration; 4] {
    let fixture = Fixture::new(maker, &["exit", "0"]).with_log();
    let begin = Instant::now();
    let running = fixture.create();
    let created = Instant::now();
    let running = running.start();
    let started = Instant::now();
    running.wait();
    let ended = Instant::now();
    [created - begin, started - created, ended - started, ended - begin]
}

fn idle(maker: Maker) -> u64 {
    let fixture = Fixture::new(maker, &["sleep", "60"]).with_log();
    let running = fixture.create().start();
    let private = running.private_memory();
    running.kill();
    private
}
