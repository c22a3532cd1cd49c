//! Containers.

pub(crate) mod copy;
pub(crate) mod create;
pub(crate) mod exec;
pub(crate) mod inspect;
pub(crate) mod lifecycle;
pub(crate) mod logs;
pub(crate) mod look;
pub(crate) mod ps;
pub(crate) mod run;
pub(crate) mod session;
pub(crate) mod stats;
mod update;

use crate::cli::Verb;
use crate::verbs::prune;

/// Commands of `berth`.
pub(crate) const TOP: &[Verb] = &[
    run::RUN,
    run::CREATE,
    lifecycle::START,
    lifecycle::STOP,
    lifecycle::RESTART,
    lifecycle::KILL,
    lifecycle::RM,
    ps::PS,
    logs::LOGS,
    exec::EXEC,
    exec::ATTACH,
    lifecycle::WAIT,
    inspect::ANY,
    stats::STATS,
    look::TOP,
    look::PORT,
    lifecycle::PAUSE,
    lifecycle::UNPAUSE,
    lifecycle::RENAME,
    update::UPDATE,
    copy::CP,
    look::DIFF,
    look::EXPORT,
];

/// Commands of `berth container`.
pub(crate) const GROUP: &[Verb] = &[
    ps::LS,
    run::RUN,
    run::CREATE,
    lifecycle::START,
    lifecycle::STOP,
    lifecycle::RESTART,
    lifecycle::KILL,
    lifecycle::RM,
    logs::LOGS,
    exec::EXEC,
    exec::ATTACH,
    lifecycle::WAIT,
    inspect::CONTAINER,
    stats::STATS,
    look::TOP,
    look::PORT,
    lifecycle::PAUSE,
    lifecycle::UNPAUSE,
    lifecycle::RENAME,
    update::UPDATE,
    copy::CP,
    look::DIFF,
    look::EXPORT,
    prune::CONTAINERS,
];
