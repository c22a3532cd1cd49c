//! The commands beside `serve`.

mod dead_letters;
mod enqueue;
mod health;
mod results;
mod seed;

pub(crate) use dead_letters::{DeadLettersArgs, dead_letters};
pub(crate) use enqueue::{EnqueueArgs, enqueue};
pub(crate) use health::{HealthArgs, health};
pub(crate) use results::{ResultsArgs, results};
pub(crate) use seed::{SeedArgs, seed};

use crate::dependency::Failure;
use std::io::Write as _;

/// The error of a call that is made once.
fn error<E>(failure: Failure<E>) -> E {
    match failure {
        Failure::Unavailable { error, .. } | Failure::Rubbish(error) | Failure::Refused(error) => error,
    }
}

/// Writes a line to standard output. A reader that has gone away is no error.
fn say(line: &str) -> std::io::Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other,
    }
}
