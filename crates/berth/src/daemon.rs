//! The engine's process: what `berth engine` in the foreground and the on-demand start run.

use crate::cli::Globals;
use crate::failure::{Failure, Outcome};

/// Serves until told to stop. On demand it leaves the caller's session and says `ready` on
/// standard output once its socket is open.
pub(crate) fn run(globals: &Globals, on_demand: bool) -> Outcome {
    if on_demand {
        // It fails only for a group's leader, which is apart from the caller's session anyway.
        let _ = rustix::process::setsid();
    }
    Err(Failure::new(format!("the engine for {} cannot be served yet", globals.root.display())))
}
