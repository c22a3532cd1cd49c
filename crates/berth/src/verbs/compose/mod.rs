//! Projects.

pub(crate) mod follow;
