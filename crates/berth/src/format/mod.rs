//! How answers are shown: tables, templates, sizes and ages.

pub(crate) mod human;
mod json;
mod listing;
mod table;

pub(crate) use json::indented;
pub(crate) use listing::{Listing, Narrow, render_template};
pub(crate) use table::columns;
