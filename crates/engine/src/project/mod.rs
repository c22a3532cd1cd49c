//! Whole projects.

/// Which projects are being worked on.
#[derive(Debug, Default)]
pub(crate) struct Locks {}
