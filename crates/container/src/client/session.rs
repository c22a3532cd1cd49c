//! Ending a command that was executed in a container, with everything it has started.

use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::cgroup::Cgroup;
use crate::procstat::ProcStat;
use crate::protocol::ProcessId;

/// Looks at the control group, until one finds nobody.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// Kills an executed command and all processes of its session in the container's control group; one that has begun a
/// session of its own is left. Blocks until they are gone, 100 ms at most. Best effort: what cannot be looked at is left.
pub fn end_session(command: ProcessId, cgroup: &Cgroup) {
    for _ in 0..LOOKS {
        let members = members(command, cgroup);
        if members.is_empty() {
            return;
        }
        for pid in members {
            kill(pid, command);
        }
        std::thread::sleep(PAUSE);
    }
}

fn members(command: ProcessId, cgroup: &Cgroup) -> Vec<i32> {
    let procs = cgroup.procs().unwrap_or_default();
    procs.into_iter().filter(|pid| is_member(*pid, command)).collect()
}

/// The kernel gives the number of a session to nobody else while it has members; of an older process with that
/// number nothing can be left in it.
fn is_member(pid: i32, command: ProcessId) -> bool {
    ProcStat::read(pid).is_ok_and(|stat| stat.session == command.pid && stat.start_time >= command.start_time)
}

/// By a descriptor, so that nobody is hit who got the number meanwhile.
fn kill(pid: i32, command: ProcessId) {
    let Some(pid_of) = Pid::from_raw(pid) else { return };
    if let Ok(process) = pidfd_open(pid_of, PidfdFlags::empty())
        && is_member(pid, command)
    {
        let _ = pidfd_send_signal(&process, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_of_its_own_session_and_of_no_other() {
        let own = std::process::id() as i32;
        let session = ProcStat::read(own).unwrap().session;
        let command = ProcessId { pid: session, start_time: 0 };
        assert!(is_member(own, command));
        assert!(!is_member(own, ProcessId { start_time: u64::MAX, ..command }));
        assert!(!is_member(own, ProcessId { pid: session + 1, ..command }));
    }
}
