//! Creation, exit codes, signals, execs, what is left behind.

use std::time::Duration;

use container::client::{ClientError, Found, destroy, find};
use container::protocol::{FailureKind, Request};
use oci_spec::runtime::LinuxNamespaceType;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::Test;
use crate::fixture::{Fixture, Maker, Running, hang_up, read_frames};

pub(crate) const TESTS: &[Test] = &[
    ("the_exit_code_is_the_programs", the_exit_code_is_the_programs),
    ("a_signal_gives_128_and_its_number", a_signal_gives_128_and_its_number),
    ("a_missing_program_is_told_at_creation", a_missing_program_is_told_at_creation),
    ("a_file_that_is_no_program_is_told", a_file_that_is_no_program_is_told),
    ("nothing_is_left_in_the_kernel", nothing_is_left_in_the_kernel),
    ("an_ended_container_is_found_by_its_record", an_ended_container_is_found_by_its_record),
    ("the_shim_outlives_its_engine", the_shim_outlives_its_engine),
    ("what_a_killed_shim_leaves_can_be_destroyed", what_a_killed_shim_leaves_can_be_destroyed),
    ("a_container_ends_with_its_killed_shim", a_container_ends_with_its_killed_shim),
    ("a_volatile_layer_can_be_used_again", a_volatile_layer_can_be_used_again),
    ("an_exec_runs_in_the_container", an_exec_runs_in_the_container),
    (
        "a_container_that_is_not_started_ends_with_its_engine",
        a_container_that_is_not_started_ends_with_its_engine,
    ),
    ("an_exec_that_is_not_started_ends_with_its_client", an_exec_that_is_not_started_ends_with_its_client),
    ("nothing_of_the_shim_is_inherited", nothing_of_the_shim_is_inherited),
    ("a_process_is_started_once", a_process_is_started_once),
    ("running_out_of_memory_is_told", running_out_of_memory_is_told),
    ("an_idle_shim_is_small", an_idle_shim_is_small),
    ("many_layers_are_one_root", many_layers_are_one_root),
    ("without_a_pid_namespace_nothing_is_left_either", without_a_pid_namespace_nothing_is_left_either),
];

fn the_exit_code_is_the_programs(maker: Maker) {
    let record = Fixture::new(maker, &["exit", "7"]).run();
    assert_eq!((record.exit_code, record.signal, record.oom_killed), (7, None, false));
    assert!(record.started_at.unwrap() <= record.finished_at);
}

fn a_signal_gives_128_and_its_number(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    running.connect().request(&Request::Signal { signal: 9, all: false }).unwrap();
    let record = running.wait();
    assert_eq!((record.exit_code, record.signal), (137, Some(9)));
}

fn failure(fixture: &Fixture) -> FailureKind {
    match Running::create(&fixture.config).and_then(Running::start_fallible) {
        Err(ClientError::Refused(failure)) => failure.kind,
        other => panic!("{other:?}"),
    }
}

fn a_missing_program_is_told_at_creation(maker: Maker) {
    let mut fixture = Fixture::new(maker, &[]);
    fixture.process().set_args(Some(vec!["nope".into()]));
    assert_eq!(failure(&fixture), FailureKind::CommandNotFound);
}

fn a_file_that_is_no_program_is_told(maker: Maker) {
    let mut fixture = Fixture::new(maker, &[]);
    fixture.process().set_args(Some(vec!["/etc".into()]));
    assert_eq!(failure(&fixture), FailureKind::NotExecutable);
}

fn nothing_is_left_in_the_kernel(maker: Maker) {
    let fixture = Fixture::new(maker, &["exit", "0"]);
    let running = fixture.create().start();
    let cgroup = running.state.cgroup.clone().unwrap();
    let process = running.state.process;
    running.wait();
    assert!(!process.exists());
    for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap() {
        let left = hierarchy.unwrap().path().join(cgroup.path().strip_prefix("/").unwrap());
        assert!(!left.exists(), "{} is left", left.display());
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&fixture.config.id), "a mount is left");
}

fn an_ended_container_is_found_by_its_record(maker: Maker) {
    let fixture = Fixture::new(maker, &["exit", "3"]);
    assert!(matches!(find(fixture.run_dir()).unwrap(), Found::Nothing));
    let record = fixture.run();
    match find(fixture.run_dir()).unwrap() {
        Found::Ended(found) => assert_eq!(found, record),
        other => panic!("{other:?}"),
    }
}

fn the_shim_outlives_its_engine(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let state = running.state.clone();
    let shim = hang_up(running.control);
    let Found::Shim(mut adopted) = find(fixture.run_dir()).unwrap() else { panic!("no shim is found") };
    let answer = adopted.request(&Request::State).unwrap();
    assert_eq!(answer, container::protocol::Response::Created(state));
    adopted.request(&Request::Signal { signal: 9, all: true }).unwrap();
    assert_eq!(adopted.wait().unwrap().exit_code, 137);
    assert!(shim.wait().unwrap().success());
}

fn what_a_killed_shim_leaves_can_be_destroyed(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let shim = Pid::from_raw(running.state.shim.pid).unwrap();
    rustix::process::kill_process(shim, Signal::KILL).unwrap();
    hang_up(running.control).wait().unwrap();
    let Found::Orphaned(state) = find(fixture.run_dir()).unwrap() else { panic!("no orphan is found") };
    assert_eq!(state.process, running.state.process);
    destroy(&state, Duration::from_secs(10)).unwrap();
    assert!(state.cgroup.unwrap().procs().map_or(true, |left| left.is_empty()));
}

fn a_container_ends_with_its_killed_shim(maker: Maker) {
    if !matches!(maker, Maker::BuiltIn) {
        // Other runtimes do not ask the kernel for it: the engine ends what is left.
        return;
    }
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let process = Pid::from_raw(running.state.process.pid).unwrap();
    let process = rustix::process::pidfd_open(process, PidfdFlags::empty()).unwrap();
    let shim = Pid::from_raw(running.state.shim.pid).unwrap();
    rustix::process::kill_process(shim, Signal::KILL).unwrap();
    hang_up(running.control).wait().unwrap();
    // Nobody but the kernel ends it.
    poll(&mut [PollFd::new(&process, PollFlags::IN)], None).unwrap();
    destroy(&running.state, Duration::from_secs(10)).unwrap();
}

fn a_volatile_layer_can_be_used_again(maker: Maker) {
    let fixture = Fixture::new(maker, &["volatile"]).with_volatile_layer();
    for _ in 0..2 {
        assert_eq!(fixture.run().exit_code, 0);
    }
}

fn an_exec_runs_in_the_container(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let exec = fixture.exec_config(&running.state, &["both", "out", "err"]);
    let exec = Running::create(&exec).unwrap();
    let streams = exec.attach(false);
    let exec = exec.start();
    assert_eq!(read_frames(streams), ("out\n".into(), "err\n".into()));
    assert_eq!(exec.wait().exit_code, 0);
    let mut exec = fixture.exec_config(&running.state, &[]);
    if let container::protocol::Kind::Exec(kind) = &mut exec.kind {
        kind.process.set_args(Some(vec!["nope".into()]));
    }
    let refused = Running::create(&exec).and_then(Running::start_fallible);
    let Err(ClientError::Refused(failure)) = refused else { panic!("it started") };
    assert_eq!(failure.kind, FailureKind::CommandNotFound);
    running.kill();
    let exec = fixture.exec_config(&find_state(&fixture), &["exit", "0"]);
    assert!(
        Running::create(&exec).map(Running::start_fallible).is_ok_and(|r| r.is_err())
            || Running::create(&exec).is_err()
    );
}

fn find_state(fixture: &Fixture) -> container::protocol::State {
    container::client::read_state(fixture.run_dir()).unwrap().unwrap()
}

fn a_container_that_is_not_started_ends_with_its_engine(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let created = fixture.create();
    hang_up(created.control).wait().unwrap();
    assert!(!created.state.process.exists());
}

fn an_exec_that_is_not_started_ends_with_its_client(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let exec = Running::create(&fixture.exec_config(&running.state, &["sleep", "60"])).unwrap();
    hang_up(exec.control).wait().unwrap();
    running.kill();
}

fn nothing_of_the_shim_is_inherited(maker: Maker) {
    const CLEAN: &str =
        "fds [0, 1, 2]\nUmask: 0022\nSigBlk: 0000000000000000\nignored 0\noom 0\nsession true\n";
    let fixture = Fixture::new(maker, &["inherited"]);
    let created = fixture.create();
    let streams = created.attach(false);
    let running = created.start();
    assert_eq!(read_frames(streams).0, CLEAN, "in the container's first process");
    running.wait();
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let exec = Running::create(&fixture.exec_config(&running.state, &["inherited"])).unwrap();
    let streams = exec.attach(false);
    let exec = exec.start();
    assert_eq!(read_frames(streams).0, CLEAN, "in an exec");
    exec.wait();
    running.kill();
}

fn a_process_is_started_once(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let mut running = fixture.create().start();
    let Err(ClientError::Refused(failure)) = running.control.start() else { panic!("started twice") };
    assert_eq!(failure.kind, FailureKind::Conflict);
    running.kill();
}

fn running_out_of_memory_is_told(maker: Maker) {
    let mut fixture = Fixture::new(maker, &["eat"]);
    let limit = 32 << 20;
    let memory = oci_spec::runtime::LinuxMemoryBuilder::default().limit(limit).swap(limit).build().unwrap();
    let resources = oci_spec::runtime::LinuxResourcesBuilder::default().memory(memory).build().unwrap();
    fixture.spec().linux_mut().as_mut().unwrap().set_resources(Some(resources));
    let record = fixture.run();
    assert_eq!((record.exit_code, record.oom_killed), (137, true));
}

fn an_idle_shim_is_small(maker: Maker) {
    let fixture = Fixture::new(maker, &["sleep", "60"]);
    let running = fixture.create().start();
    let private = running.private_memory();
    running.kill();
    assert!(private < 1024, "an idle shim has {private} KiB of its own");
}

fn many_layers_are_one_root(maker: Maker) {
    let fixture = Fixture::new(maker, &["exit", "0"]).with_layers(200);
    assert_eq!(fixture.run().exit_code, 0);
}

fn without_a_pid_namespace_nothing_is_left_either(maker: Maker) {
    let mut fixture = Fixture::new(maker, &["orphan"]);
    let linux = fixture.spec().linux_mut().as_mut().unwrap();
    let others = linux.namespaces().clone().unwrap();
    let others = others.into_iter().filter(|one| one.typ() != LinuxNamespaceType::Pid).collect();
    linux.set_namespaces(Some(others));
    let running = fixture.create();
    let cgroup = running.state.cgroup.clone().unwrap();
    assert_eq!(running.start().wait().exit_code, 0);
    assert!(cgroup.procs().map_or(true, |left| left.is_empty()));
}
