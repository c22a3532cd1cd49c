#![forbid(unsafe_code)]
//! The `berth` command.

mod terminal;

fn main() {
    // Before anything that a shim must not have: threads, signal handlers, memory.
    if std::env::args_os().nth(1).is_some_and(|role| role == "shim") {
        container::shim::main();
    }
}
