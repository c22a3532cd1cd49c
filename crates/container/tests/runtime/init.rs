//! The built-in process 1, through the library: the command line has no flag for it.

use std::fs;
use std::process::Command;

use crate::Test;
use crate::bundle::{Answer, Bundle};

pub(crate) const TESTS: &[Test] = &[
    ("the_program_is_not_process_1", the_program_is_not_process_1),
    ("the_exit_code_is_the_programs", the_exit_code_is_the_programs),
    ("signals_reach_the_program", signals_reach_the_program),
    ("orphans_are_buried", orphans_are_buried),
    ("init_has_the_containers_rights", init_has_the_containers_rights),
    ("a_program_that_cannot_be_executed_is_told", a_program_that_cannot_be_executed_is_told),
];

fn run(bundle: &Bundle, signal: i32) -> Answer {
    bundle.command(&[]);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["program", "run-with-init"]).arg(bundle.dir()).arg(signal.to_string());
    command.output().unwrap().into()
}

fn the_program_is_not_process_1() {
    let answer = run(
        &Bundle::new(
            "echo $$; cat /proc/1/comm; ls /proc/1/fd | wc -l; readlink /proc/1/fd/1 > /proc/1/fd/2",
        ),
        0,
    )
    .ok();
    assert_eq!(answer.out, "2\ninit\n3\n", "{answer:?}");
    assert!(answer.err.starts_with("pipe:"), "what init writes to is the container's: {answer:?}");
}

fn the_exit_code_is_the_programs() {
    assert_eq!(run(&Bundle::new("exit 7"), 0).code, 7);
    assert_eq!(run(&Bundle::new("kill -KILL $$"), 0).code, 137);
}

fn signals_reach_the_program() {
    let bundle = Bundle::new("trap 'exit 42' TERM; touch /ready; while true; do sleep 0.01; done");
    assert_eq!(run(&bundle, 15).code, 42);
    let bundle = Bundle::new("touch /ready; sleep 100; true");
    assert_eq!(run(&bundle, 15).code, 143);
    let private: u64 = fs::read_to_string(bundle.dir().join("memory")).unwrap().parse().unwrap();
    assert!(private < 100, "init has {private} KiB of its own");
}

fn orphans_are_buried() {
    let script = "(sleep 0.05 & sleep 0.05 &); sleep 0.3; ps -o stat,comm | grep -c Z; true";
    let answer = run(&Bundle::new(script), 0).ok();
    assert_eq!(answer.out, "0\n", "{answer:?}");
}

fn init_has_the_containers_rights() {
    let script = "grep -E 'CapBnd|CapEff|Seccomp:|NoNew|Uid' /proc/1/status > /tmp/1; \
                  grep -E 'CapBnd|CapEff|Seccomp:|NoNew|Uid' /proc/self/status > /tmp/2; \
                  cat /tmp/1; [ \"$(cat /tmp/1)\" = \"$(cat /tmp/2)\" ]";
    let answer = run(&Bundle::new(script), 0).ok();
    assert!(answer.out.contains("a80425fb"), "{answer:?}");
}

fn a_program_that_cannot_be_executed_is_told() {
    let answer = run(&Bundle::new("").args(&["nope"]), 0);
    assert!(answer.err.contains("CommandNotFound"), "{answer:?}");
}
