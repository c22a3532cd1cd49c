//! Projects.

pub(crate) mod build;
mod config;
mod down;
mod exec;
pub(crate) mod follow;
mod foreground;
mod images;
mod logs;
mod ls;
mod port;
mod progress;
mod ps;
mod restart;
mod rm;
mod run;
pub(crate) mod transfer;
mod up;

use crate::cli::Verb;
use crate::verbs::containers::{copy, lifecycle, look, stats};
use crate::verbs::system;

/// Commands of `berth` that are a project's.
pub(crate) const TOP: &[Verb] = &[up::UP, down::DOWN, config::CONFIG];

/// Commands of `berth compose`.
pub(crate) const GROUP: &[Verb] = &[
    up::UP,
    down::DOWN,
    ps::PS,
    logs::LOGS,
    exec::EXEC,
    run::RUN,
    up::CREATE,
    lifecycle::START,
    lifecycle::STOP,
    restart::RESTART,
    lifecycle::KILL,
    lifecycle::PAUSE,
    lifecycle::UNPAUSE,
    rm::RM,
    build::BUILD,
    transfer::PULL,
    transfer::PUSH,
    config::CONFIG,
    images::IMAGES,
    port::PORT,
    copy::CP,
    look::TOP,
    stats::STATS,
    system::EVENTS,
    ls::LS,
];
