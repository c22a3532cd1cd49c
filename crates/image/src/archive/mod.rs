//! Tar streams: reading hostile ones, writing canonical ones, and the directory trees between them.
//!
//! Follows POSIX.1-2017 `pax`, with GNU's long names and sparse files, and the OCI image specification's `layer.md`
//! for whiteouts.

mod descent;
mod dirs;
mod entry;
mod error;
mod extract;
mod header;
mod node;
mod pack;
mod path;
mod pax;
mod reader;
mod remove;
mod source;
mod sparse;
#[cfg(test)]
mod tests;
mod writer;
mod xattr;

pub(crate) use dirs::timestamps;
pub(crate) use entry::{Entry, Kind, Time};
pub use error::{ExtractError, Limits, PackError};
pub(crate) use extract::extract_layer;
pub use extract::{ExtractOptions, Extracted, extract};
pub(crate) use header::Header;
pub use pack::pack;
pub(crate) use pack::{Packed, pack_layer};
pub(crate) use path::components;
pub(crate) use reader::Reader;
pub(crate) use remove::remove_tree;
pub(crate) use source::{Chunks, Streamed, Tap, Wanted, inflate};
pub(crate) use writer::Writer;
pub(crate) use xattr::{is_opaque, is_whiteout, read as read_xattrs, write as write_xattrs};
