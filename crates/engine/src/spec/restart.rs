use serde::{Deserialize, Serialize};

/// What happens after a container's process has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    No,
    /// It is started again, also after a reboot, unless it was stopped by hand before.
    Always,
    /// As `Always`, but what was stopped by hand stays so after the engine or host came back.
    UnlessStopped,
    /// It is started again after a failure, at most `max` times in a row (none: always).
    OnFailure {
        /// Greatest number of restarts.
        max: Option<u32>,
    },
}
