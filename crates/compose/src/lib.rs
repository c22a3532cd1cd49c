#![forbid(unsafe_code)]
//! Compose files to a resolved Project: interpolation, merge, include, extends, profiles.

pub mod model;

mod check;
mod decode;
mod diagnostic;
mod discover;
mod env;
mod env_file;
mod excerpt;
mod extends;
mod files;
mod hash;
mod include;
mod interpolate;
mod load;
mod merge;
mod profiles;
mod project_name;
mod render;
mod report;
mod service_files;
mod source;
mod suggest;
mod tree;

pub use decode::{parse_bytes, parse_duration, split_words};
pub use diagnostic::{Diagnostic, Severity};
pub use hash::{config_hash, network_hash, volume_hash};
pub use load::{LoadError, LoadOptions, Loaded, load};
pub use render::{render_json, render_yaml};
