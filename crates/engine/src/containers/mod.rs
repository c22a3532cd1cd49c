//! What can be done with containers, one module an action or a family of them.

mod attach;
mod changes;
mod create;
mod devices;
mod exit;
mod inspect;
mod list;
mod logs;
mod mounts;
mod observe;
mod remove;
mod rename;
mod run;
mod start;
mod stop;
mod update;

pub(crate) use attach::into_tokio;
pub(crate) use exit::{Loss, lost};
pub(crate) use inspect::endpoint_id;
pub(crate) use mounts::normal;
pub(crate) use remove::remove_tree;
pub(crate) use run::{fresh_dir, identity, layers_below, resolve_identity, running_pid};
pub(crate) use start::StartCause;
