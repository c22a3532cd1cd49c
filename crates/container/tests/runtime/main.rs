//! The runtime on the real kernel, through its command line. Needs root and Debian's busybox-static.
//!
//! The test program is the runtime itself (`oci …`) and, where busybox cannot help, what runs in a container.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod bundle;
mod console;
mod exec;
mod hooks;
mod init;
mod lifecycle;
mod limits;
mod mounts;
mod namespaces;
mod parity;
mod process;
mod programs;
mod security;

use libtest_mimic::{Arguments, Trial};

/// A test with its name.
pub(crate) type Test = (&'static str, fn());

fn main() {
    // Before there is a second thread.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|role| role == "oci") {
        std::process::exit(container::oci::main(args));
    }
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("program") {
        programs::run(&args.collect::<Vec<_>>());
    }
    let modules: [(&str, &[Test]); 11] = [
        ("lifecycle", lifecycle::TESTS),
        ("process", process::TESTS),
        ("security", security::TESTS),
        ("mounts", mounts::TESTS),
        ("namespaces", namespaces::TESTS),
        ("exec", exec::TESTS),
        ("console", console::TESTS),
        ("init", init::TESTS),
        ("hooks", hooks::TESTS),
        ("limits", limits::TESTS),
        ("parity", parity::TESTS),
    ];
    let trials = modules.into_iter().flat_map(|(module, tests)| {
        tests.iter().map(move |(name, test)| {
            Trial::test(format!("{module}::{name}"), move || {
                test();
                Ok(())
            })
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}
