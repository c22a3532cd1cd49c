//! Paths resolved beneath a root directory, and the accounts a root file system names.
//!
//! Everything that takes a path from an image, a build context or a container resolves it here, so that no `..`, absolute
//! link or race with a renaming process leads out of the root.
//!
//! Guarantees: no function follows a symbolic link, `..` or an absolute path out of the root; absolute links are taken
//! relative to the root, as `chroot(2)` would. `openat2(2)` with `RESOLVE_IN_ROOT` does it on Linux 5.6 and later; older
//! kernels get a walk that opens one component at a time without following links.
//!
//! Assumptions: the root directory itself is trusted and is opened once.
#![forbid(unsafe_code)]

mod accounts;
mod root;
mod walk;

pub use accounts::{AccountError, Accounts, Identity};
pub use root::{Parent, ResolveError, Root, Strategy};
