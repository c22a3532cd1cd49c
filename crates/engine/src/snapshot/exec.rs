use crate::id::{ContainerId, ExecId};
use crate::op::ExecSpec;

/// A command executed in a container.
#[derive(Debug, Clone)]
pub struct ExecSnapshot {
    /// Its id.
    pub id: ExecId,
    /// Its container.
    pub container: ContainerId,
    /// What was asked for.
    pub spec: ExecSpec,
    /// It runs.
    pub running: bool,
    /// Its exit code once it has ended.
    pub exit_code: Option<i64>,
    /// Process id on the host once it was started.
    pub pid: Option<u32>,
}
