//! Containers under a shim, on the real kernel. Needs root.
//!
//! This program has three roles: the tests, the shim (`… shim`, as `client::spawn` calls it), and the
//! program inside the containers (`/box WORDS`, being linked statically).
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod fixture;
mod life;
mod program;
mod streams;

use fixture::Maker;
use libtest_mimic::{Arguments, Trial};

type Test = (&'static str, fn(Maker));

fn main() {
    let mut args = std::env::args();
    match (args.next().as_deref(), args.next().as_deref()) {
        (Some("/box"), Some(word)) => program::main(word, args),
        (_, Some("shim")) => container::shim::main(),
        _ => run_tests(),
    }
}

fn run_tests() {
    let arguments = Arguments::from_args();
    let makers = [Maker::BuiltIn, Maker::External("runc"), Maker::External("crun")];
    let trials = makers.into_iter().flat_map(|maker| {
        let tests = life::TESTS.iter().chain(streams::TESTS);
        tests.map(move |&(name, test)| {
            let trial = Trial::test(format!("{}::{name}", maker.name()), move || {
                test(maker);
                Ok(())
            });
            trial.with_ignored_flag(!maker.is_available())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit()
}
