//! The merged tree to the typed model. Errors are reported and decoding goes on, so that one run tells them all.

mod build;
mod cursor;
mod deploy;
mod environment;
mod fields;
mod file_object;
mod lifecycle;
mod network;
mod networking;
mod ports;
mod process;
mod project;
mod resources;
mod security;
mod service;
mod storage;
mod unsupported;
mod values;

mod volumes;

pub(crate) use cursor::{Context, Cursor};
pub(crate) use environment::EnvFileUse;
pub(crate) use project::{Model, decode_model};
pub(crate) use service::DecodedService;
pub use values::{parse_bytes, parse_duration, split_words};
