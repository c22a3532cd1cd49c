#![forbid(unsafe_code)]
//! The `berth` command.

mod terminal;

fn main() {
    // Before anything that these roles must not have: threads, signal handlers, memory.
    match std::env::args_os().nth(1) {
        Some(role) if role == "shim" => container::shim::main(),
        Some(role) if role == "oci" => std::process::exit(container::oci::main(std::env::args_os().skip(2))),
        _ => {}
    }
}
