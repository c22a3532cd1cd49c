//! The results file in trouble: every id is accounted for afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use std::{io::Write as _, path::Path, process::Command};
use support::{Answer, World, eventually};

fn run(program: &str, words: &[&str], directory: &Path) {
    assert!(Command::new(program).args(words).arg(directory).status().unwrap().success(), "{program}");
}

/// A file system of 64 KiB that goes away with the test, however it ends.
struct Small(std::path::PathBuf);

impl Small {
    fn new(world: &World) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var("CI").is_err(), "this needs root");
            eprintln!("\n*** NOT TESTED: a full disk needs root for a file system of its own ***\n");
            return None;
        }
        let path = world.dir.path().join("small");
        std::fs::create_dir(&path).unwrap();
        run("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs"], &path);
        Some(Self(path))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_waited_for_also_by_a_worker_that_starts_on_it() {
    let Some(mut world) = World::new("list", Answer::Url) else { return };
    let Some(small) = Small::new(&world) else { return };
    world.lookup.results = small.0.join("results.jsonl");
    let World { redis, lookup, .. } = &world;
    lookup.ok("enqueue --count 2500 --hit-ratio 1");
    let full = |service: &support::Running| {
        eventually("the disk is full", || service.metric("lookup_results_up") == 0.0 && !service.ready());
    };
    let service = lookup.serve_unready();
    full(&service);
    let saved = lookup.saved().len();
    assert!(saved > 0 && saved < 2500, "{saved} whole lines");
    service.kill();
    let _one = lookup.serve_unready();
    let two = lookup.serve_unready();
    full(&two);
    run("mount", &["-o", "remount,size=16m"], &small.0);
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 2500);
    eventually("it is ready again", || two.ready());
}

#[test]
fn a_torn_last_line_is_removed_and_its_task_done_again() {
    let Some(world) = World::new("list", Answer::Url) else { return };
    let World { redis, lookup, .. } = &world;
    lookup.ok("enqueue --count 100 --hit-ratio 1 --prefix a");
    let service = lookup.serve();
    eventually("every task is done", || redis.left() == 0);
    service.kill();
    // As if its last write had been cut off by the end of the process or of the machine.
    let text = std::fs::read(&lookup.results).unwrap();
    std::fs::write(&lookup.results, &text[..text.len() - 20]).unwrap();
    lookup.ok("enqueue --count 100 --hit-ratio 1 --prefix a");
    let _service = lookup.serve();
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 100);
    assert_eq!(world.paste.posts(), 101, "only the task of the torn line was sent again");
}

#[test]
fn a_line_torn_while_others_work_costs_nothing() {
    let Some(world) = World::new("list", Answer::Url) else { return };
    let World { redis, lookup, .. } = &world;
    lookup.ok("enqueue --count 1000 --hit-ratio 1");
    let (_one, _two) = (lookup.serve_unready(), lookup.serve_unready());
    eventually("some are saved", || lookup.saved_count() > 100);
    let mut file = std::fs::File::options().append(true).open(&lookup.results).unwrap();
    file.lock().unwrap();
    file.write_all(b"{\"id\":\"torn").unwrap();
    drop(file);
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 1000);
}

#[test]
fn workers_with_a_file_each_do_each_task_once() {
    let Some(world) = World::new("list", Answer::Url) else { return };
    let World { redis, lookup, dir, .. } = &world;
    let own = dir.path().join("own.jsonl");
    lookup.ok("enqueue --count 600 --hit-ratio 1");
    let _one = lookup.serve_unready();
    let mut command = lookup.command("serve");
    let port = support::free_port();
    command.env("LOOKUP_RESULTS", &own).env("LOOKUP_LISTEN", format!("127.0.0.1:{port}"));
    let _two = support::Server(command.spawn().unwrap());
    eventually("every task is done", || redis.left() == 0);
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    assert_eq!(lines(&lookup.results) + lines(&own), 600);
    assert_eq!(world.paste.posts(), 600);
}

#[test]
fn a_file_that_another_keeps_locked_is_waited_for() {
    let Some(world) = World::new("list", Answer::Url) else { return };
    let World { redis, lookup, .. } = &world;
    lookup.ok("enqueue --count 50 --hit-ratio 1");
    let file = std::fs::File::create(&lookup.results).unwrap();
    file.lock().unwrap();
    let service = lookup.serve_unready();
    eventually("the file counts as a call that failed", || {
        service.metric("lookup_results_failures_total") > 0.0
    });
    assert_eq!(lookup.saved_count(), 0);
    drop(file);
    eventually("every task is done", || redis.left() == 0);
    assert_eq!(lookup.saved().len(), 50);
}
