//! The command line: settings that hold for all commands, the table of commands, dispatch.

mod argv;
mod globals;
mod host;
mod table;

use std::process::ExitCode;

pub(crate) use globals::{Chosen, Context, Form, Globals};
pub(crate) use host::{Host, SshTarget};
pub(crate) use table::{Group, Run, Verb, command, group, verb};

use crate::failure::{Exit, Failure, Outcome};
use crate::{output, verbs};

/// Parses the command line, runs the command, reports, and gives the exit code.
pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(Exit(code)) => ExitCode::from(code),
        Err(failure) => {
            output::error_bytes(failure.render().as_bytes());
            ExitCode::from(failure.exit().0)
        }
    }
}

fn run() -> Outcome {
    let matches = match command(verbs::GROUPS).try_get_matches_from(argv::project_form(std::env::args_os())) {
        Ok(matches) => matches,
        Err(error) => return table::usage(&error),
    };
    let mut globals = Globals::from_matches(&matches)?;
    let Some(chosen) = table::choose(verbs::GROUPS, &mut globals, &matches) else {
        return Err(Failure::new("no command given"));
    };
    if let Some(direct) = chosen.verb.direct {
        return direct(globals, chosen.matches);
    }
    globals.usable()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("cannot start the event loop: {e}")))?;
    let context = Context::new(globals, chosen.form);
    let outcome = runtime.block_on((chosen.verb.run)(&context, chosen.matches));
    // A thread may still be reading standard input: nobody waits for it.
    runtime.shutdown_background();
    outcome
}
