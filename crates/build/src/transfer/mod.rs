//! `COPY`, `ADD` and `WORKDIR`: from a tree of sources to the upper directory of a new layer.
//!
//! 1. [`select`] finds what the instruction names.
//! 2. [`plan`] says what the layer will hold: every path, its attributes and where its content comes from.
//! 3. [`digest`] makes that a key for the cache; [`known`] has the digests of files that were read before.
//! 4. [`write`](mod@write) does it, when the cache did not have it.

pub(crate) mod archive;
pub(crate) mod chmod;
pub(crate) mod digest;
mod error;
pub(crate) mod known;
pub(crate) mod plan;
pub(crate) mod select;
pub(crate) mod workers;
pub(crate) mod write;

pub use archive::unpack_context;
pub use error::TransferError;
