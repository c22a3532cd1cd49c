use tokio::sync::oneshot;

use crate::id::ContainerId;
use crate::spec::{Resources, RestartPolicy, Signal};

/// A container that was created.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its id.
    pub id: ContainerId,
    /// What was asked for and will not be as asked, as sentences.
    pub warnings: Vec<String>,
}

/// How a container is stopped.
#[derive(Debug, Clone, Copy, Default)]
pub struct StopOptions {
    /// Signal instead of the container's.
    pub signal: Option<Signal>,
    /// Seconds until SIGKILL instead of the container's; negative waits for ever.
    pub timeout: Option<i64>,
}

/// How a container is removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// Kill it first if it runs.
    pub force: bool,
    /// Remove its anonymous volumes too.
    pub volumes: bool,
}

/// What a removal or prune took away.
#[derive(Debug, Clone, Default)]
pub struct Removal {
    /// Ids or names.
    pub removed: Vec<String>,
    /// Bytes won.
    pub reclaimed: u64,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// It does not run (at once if it does not).
    #[default]
    NotRunning,
    /// The next exit, also of a run that has not begun.
    NextExit,
    /// It is removed.
    Removed,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit code; 128 + n after signal n.
    pub code: i64,
    /// Why it could not be run, if so.
    pub error: Option<String>,
}

/// A registered wait: made before [`Waiter::exit`] is awaited, it misses nothing that happens between.
#[derive(Debug)]
pub struct Waiter {
    pub(crate) receiver: oneshot::Receiver<Exit>,
}

impl Waiter {
    /// Waits. When the engine shuts down first, there is no answer.
    pub async fn exit(self) -> Option<Exit> {
        self.receiver.await.ok()
    }
}

/// The processes of a container, as `ps` prints them.
#[derive(Debug, Clone, Default)]
pub struct ProcessTable {
    /// Column titles.
    pub titles: Vec<String>,
    /// One row for each process.
    pub rows: Vec<Vec<String>>,
}

/// What `update` changes; none leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct UpdateRequest {
    /// Limits: the fields that are set replace the container's.
    pub resources: Resources,
    /// Restart policy.
    pub restart: Option<RestartPolicy>,
}
