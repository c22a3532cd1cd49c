//! What state a container is in.

use std::fs;

use serde_json::{Value, json};

use super::error::OciError;
use super::store::{Record, Store};

/// The states of the OCI spec, and `paused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Running,
    Paused,
    Stopped,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }

    pub(super) fn of(store: &Store, record: &Record) -> Result<Self, OciError> {
        Ok(match process_start(record.pid) {
            Some(started) if started == record.started => {
                if store.fifo(&record.id)?.exists() {
                    Self::Created
                } else if record.cgroup.frozen().unwrap_or(false) {
                    Self::Paused
                } else {
                    Self::Running
                }
            }
            _ => Self::Stopped,
        })
    }
}

/// When a process was started, in ticks; `None` if it is gone or only waits to be reaped.
pub(super) fn process_start(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may have anything in it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The state as runc prints it.
pub(super) fn json(record: &Record, status: Status) -> Value {
    let mut state = json!({
        "ociVersion": record.spec.version(),
        "id": record.id,
        "pid": if status == Status::Stopped { 0 } else { record.pid },
        "status": status.name(),
        "bundle": record.bundle,
        "rootfs": record.rootfs,
        "created": record.created,
        "owner": record.owner,
    });
    if let Some(annotations) = record.annotations() {
        state["annotations"] = json!(annotations);
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_has_a_start() {
        assert!(process_start(std::process::id() as i32).is_some_and(|ticks| ticks > 0));
        assert_eq!(process_start(i32::MAX), None);
    }
}
