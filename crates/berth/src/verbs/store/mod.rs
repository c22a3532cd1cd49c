//! The image store: checking it, and offering it as a registry.

mod serve;
mod slim;
mod verify;

use crate::cli::Verb;

pub(crate) use slim::SLIM;

/// Commands of `berth store`.
pub(crate) const GROUP: &[Verb] = &[verify::VERIFY];
/// Commands of `berth registry`.
pub(crate) const REGISTRY: &[Verb] = &[serve::SERVE];
