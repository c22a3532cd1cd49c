//! Local archives of `ADD`: recognising and unpacking them.
//!
//! An archive is unpacked beneath a directory of its own first; from there its files go the way of all others, so
//! that links of the image are honoured and nothing leaves its root.

mod format;
mod unpack;

pub(crate) use format::detect;
pub(crate) use unpack::unpack;
pub use unpack::unpack_context;
