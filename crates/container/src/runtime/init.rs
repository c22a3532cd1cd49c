//! The built-in process 1 of `--init`: hands signals on and buries the dead.
//!
//! It is no program of its own: the child forks before it executes the user's program, and the parent of the two
//! stays in this code. The container needs no file for it, and it keeps about 60 KiB of memory of its own.

use super::error::CreateError;
use super::settle::step;
use crate::sys::{AllSignals, Cloned, SingleThread, clone_process, close_from, serve, take_foreground};

/// Returns in the new child, which goes on to execute the user's program. The caller stays here for good.
pub(super) fn become_init(thread: SingleThread) -> Result<(), CreateError> {
    let signals = AllSignals::block().map_err(step("block signals"))?;
    match clone_process(thread, 0, None).map_err(step("make the init's child"))? {
        Cloned::Child => {
            take_foreground();
            signals.unblock();
            Ok(())
        }
        Cloned::Parent { pid, .. } => {
            // The channel's end is among them: the maker sees it closed when the program is executed.
            close_from(3);
            // What runs as process 1 of a container can be looked at from inside, like any init; what it runs
            // from cannot be written (see `protected_exe`).
            let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable);
            let _ = rustix::thread::set_name(c"init");
            serve(pid, signals)
        }
    }
}
