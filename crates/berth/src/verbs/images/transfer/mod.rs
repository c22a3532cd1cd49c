//! Images that come and go: registries, archives, trees and containers.

mod archive;
mod commit;
mod credentials;
mod login;
mod progress;
mod registry;

pub(crate) use archive::{IMPORT, LOAD, SAVE};
pub(crate) use commit::COMMIT;
pub(crate) use login::{LOGIN, LOGOUT};
pub(crate) use progress::Shown;
pub(crate) use registry::{PULL, PUSH, pull, push};
