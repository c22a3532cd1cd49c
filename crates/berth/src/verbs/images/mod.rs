//! Images.

mod bootstrap;
pub(crate) mod build;
mod build_live;
mod build_options;
pub(crate) mod build_output;
mod build_shown;
mod build_source;
mod list;
mod manage;
pub(crate) mod transfer;

use crate::cli::Verb;
use crate::verbs::containers::inspect;
use crate::verbs::prune;

/// Commands of `berth`.
pub(crate) const TOP: &[Verb] = &[
    build::BUILD,
    list::IMAGES,
    transfer::PULL,
    transfer::PUSH,
    transfer::SAVE,
    transfer::LOAD,
    transfer::IMPORT,
    transfer::COMMIT,
    transfer::LOGIN,
    transfer::LOGOUT,
    manage::RMI,
    manage::TAG,
    manage::HISTORY,
];

/// Commands of `berth image`.
pub(crate) const GROUP: &[Verb] = &[
    list::LS,
    bootstrap::BOOTSTRAP,
    build::BUILD,
    transfer::PULL,
    transfer::PUSH,
    transfer::SAVE,
    transfer::LOAD,
    transfer::IMPORT,
    inspect::IMAGE,
    manage::RM,
    manage::TAG,
    manage::HISTORY,
    prune::IMAGES,
    crate::verbs::store::SLIM,
];

/// Commands of `berth builder`.
pub(crate) const BUILDER: &[Verb] = &[build::BUILD, prune::BUILDS];
