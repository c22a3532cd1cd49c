//! nf_tables: the rules as values, their notation, their encoding, and the kernel's side.

mod backend;
mod diff;
mod encode;
mod list;
mod model;
mod resolver;
mod ruleset;
mod text;
mod transaction;
mod trial;

pub(crate) use backend::{Nftables, touches};
pub(crate) use list::forward_drops;
pub(crate) use resolver::redirect_resolver;
pub(crate) use trial::try_out;
