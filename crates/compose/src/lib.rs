#![forbid(unsafe_code)]
//! Compose files to a resolved Project: interpolation, merge, include, extends, profiles.

pub mod model;

mod diagnostic;
mod hash;
mod load;
mod render;

pub use diagnostic::{Diagnostic, Severity};
pub use hash::config_hash;
pub use load::{LoadError, LoadOptions, Loaded, load};
pub use render::{render_json, render_yaml};
