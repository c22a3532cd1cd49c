//! The engine and the host: versions, information, events, disk use.

mod completion;
mod dial;
mod doctor;
mod engine;
mod events;
mod info;
mod oci;
mod version;

use crate::cli::Verb;
use crate::verbs::prune;

/// Commands of `berth`.
pub(crate) const TOP: &[Verb] =
    &[engine::VERB, info::INFO, version::VERB, doctor::VERB, events::VERB, oci::VERB, completion::VERB];

/// Commands of `berth system`.
pub(crate) const GROUP: &[Verb] = &[info::DF, info::INFO, events::VERB, prune::SYSTEM, dial::VERB];

/// `events` of a project.
pub(crate) const EVENTS: Verb = events::VERB;
