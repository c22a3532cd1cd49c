//! The engine and the host: versions, information, events, disk use.

pub(super) mod engine;
pub(super) mod version;
