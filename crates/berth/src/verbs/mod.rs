//! All commands, one file for each family.

mod system;

use crate::cli::{Form, Group, group};

/// The table of commands.
pub(crate) const GROUPS: &[Group] =
    &[group("", "Engine", Form::Plain, &[system::version::VERB, system::engine::VERB])];
