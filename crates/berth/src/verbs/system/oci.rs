//! `berth oci` as the help and the completions know it. Given as the first word it never comes here: `main` hands it to
//! the runtime before anything is set up that a runtime must not have.

use std::ffi::OsString;

use clap::{Args, FromArgMatches};

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::{Exit, Failure, Outcome};

/// The command.
pub(crate) const VERB: Verb =
    verb::<Oci>("oci", "The built-in runtime under runc's command line, for other engines")
        .direct(|_, matches| Oci::from_arg_matches(matches).map_err(Failure::from)?.execute())
        .examples("`berth oci --help` lists its commands.");

/// The built-in runtime under the command line of OCI runtimes, for other engines and for validation suites.
#[derive(Debug, Args)]
pub(crate) struct Oci {
    /// Options and command of the runtime
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Run for Oci {
    async fn run(self, _: &Context) -> Outcome {
        self.execute()
    }
}

impl Oci {
    fn execute(self) -> Outcome {
        Ok(Exit(container::oci::main(self.arguments).clamp(0, 255) as u8))
    }
}
