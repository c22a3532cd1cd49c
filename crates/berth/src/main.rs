#![forbid(unsafe_code)]
//! The `berth` command: one binary whose roles are subcommands.
//!
//! `main` only chooses the role. Everything but the engine is a client of the engine's socket.

mod cli;
mod client;
mod contexts;
mod daemon;
mod failure;
mod format;
mod output;
mod project;
mod terminal;
mod units;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything that these roles must not have: threads, signal handlers, memory.
    match std::env::args_os().nth(1) {
        Some(role) if role == "shim" => container::shim::main(),
        Some(role) if role == "oci" => std::process::exit(container::oci::main(std::env::args_os().skip(2))),
        _ => cli::main(),
    }
}
