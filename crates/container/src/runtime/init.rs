//! The built-in process 1 of `--init`: hands signals on and buries the dead.
//!
//! It is no program of its own: the child forks before it executes the user's program, and the parent of the two
//! stays in this code. The container needs no file for it, and its memory is shared with the shim's.

use super::error::CreateError;
use super::settle::step;
use super::wire::Channel;
use crate::sys::{
    AllSignals, Cloned, Ended, SingleThread, clone_process, close_from, exit_now, take_foreground,
};

/// Returns in the new child, which goes on to execute the user's program. The caller stays here for good.
pub(super) fn become_init(thread: SingleThread, channel: &Channel) -> Result<(), CreateError> {
    let signals = AllSignals::block().map_err(step("block signals"))?;
    match clone_process(thread, 0, None).map_err(step("make the init's child"))? {
        Cloned::Child => {
            take_foreground();
            signals.unblock();
            Ok(())
        }
        Cloned::Parent { pid, .. } => {
            let _ = channel;
            close_from(3);
            // What runs as process 1 of a container can be looked at from inside, like any init; what it runs
            // from cannot be written (see `protected_exe`).
            let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable);
            let _ = rustix::thread::set_name(c"init");
            serve(pid, &signals)
        }
    }
}

fn serve(child: i32, signals: &AllSignals) -> ! {
    loop {
        match signals.next() {
            libc::SIGCHLD => bury(child),
            signal => crate::sys::send_signal(child, signal),
        }
    }
}

/// Reaps all that have ended, and ends as `child` did if it is among them.
fn bury(child: i32) {
    let mut result = None;
    while let Some((pid, ended)) = crate::sys::reap() {
        if pid == child {
            result = Some(match ended {
                Ended::Exited(status) => status,
                Ended::Killed(signal) => 128 + signal,
            });
        }
    }
    if let Some(status) = result {
        exit_now(status);
    }
}
