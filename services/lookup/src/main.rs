#![forbid(unsafe_code)]
//! The account lookup service.

fn main() -> std::process::ExitCode {
    lookup::run()
}
